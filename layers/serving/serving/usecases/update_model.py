"""Accept that a model's wish changes."""

from collections.abc import Mapping
from typing import Any

from contracts.model import MODEL_SPEC
from kit.caller import Caller, Command
from kit.errors import Conflict, InvalidRequest, Violation
from kit.validation import validated
from serving.domain import acknowledgement, commands
from serving.domain.change import Change
from serving.domain.commands import Ask
from serving.domain.fields import ChangeClass, FieldChange, classify, merged, misplaced, strongest
from serving.domain.model import Model, Spec, Status
from serving.domain.operation import Goal, Strategy
from serving.ports import Headroom, Traffics
from serving.usecases.commanding import Commanding, deny
from serving.usecases.wish_checks import WishChecks


class UpdateModel:
    """Any field that may change at all, by merge patch. What interrupts nobody is done; what restarts copies has to be acknowledged."""

    def __init__(self, commanding: Commanding, checks: WishChecks, headroom: Headroom, traffics: Traffics) -> None:
        self._commanding, self._checks, self._headroom, self._traffics = commanding, checks, headroom, traffics

    def __call__(
        self, caller: Caller, model_id: str, changes: Mapping[str, Any], acknowledge: str | None, expected: int | None, command: Command
    ) -> Mapping[str, Any]:
        """The accepted operation; NotFound, StaleGeneration, InvalidRequest; Conflict: under way, or to be acknowledged."""

        def decide(model: Model) -> tuple[Change, Ask]:
            self._commanding.refuse_while_running(model)
            if not commands.allowed("update", model):
                raise deny("update", model, "it cannot be changed now")
            spec = self.wish(caller, model, changes)
            differences = classify(model.spec, spec)
            change_class = strongest(differences)
            if change_class is None:
                asked = self._commanding.ask(caller.subject, Goal.UPDATE, model)
                return commands.nothing_to_change(model, asked), asked
            strategy = self.strategy(model, spec, differences)
            if change_class is ChangeClass.RESTART and model.status is Status.IN_SERVICE:
                self._require_acknowledgement(model, spec, changes, acknowledge, strategy, differences)
            asked = self._commanding.ask(caller.subject, Goal.UPDATE, model)
            return commands.update(model, spec, changes, strategy, asked), asked

        return self._commanding.accept(caller, model_id, expected, command, decide)

    def wish(self, caller: Caller, model: Model, changes: Mapping[str, Any]) -> Spec:
        """The whole wish after the changes; InvalidRequest names every field that is refused."""
        violations = [Violation(*complaint) for complaint in misplaced(changes, model.hosting)]
        if violations:
            raise InvalidRequest("validation-failed", f"{len(violations)} field(s) are not acceptable", violations=violations)
        spec: Spec = validated(MODEL_SPEC.validate_python, merged(model.spec, changes)).document()
        self._checks(caller, spec, model.spec)
        return spec

    def strategy(self, model: Model, spec: Spec, differences: tuple[FieldChange, ...]) -> Strategy:
        """How the change is carried out on copies that run."""
        change_class = strongest(differences)
        if change_class is ChangeClass.RESTART:
            return Strategy.SURGE if self._headroom.surge_fits(spec)[0] else Strategy.IN_PLACE
        scaled = any(difference.path == "capacity.desired" for difference in differences)
        outside = model.scaled_to is not None and not spec["capacity"]["min"] <= model.scaled_to <= spec["capacity"]["max"]
        return Strategy.SCALE if scaled or outside else Strategy.HOT

    def _require_acknowledgement(
        self,
        model: Model,
        spec: Spec,
        changes: Mapping[str, Any],
        acknowledge: str | None,
        strategy: Strategy,
        differences: tuple[FieldChange, ...],
    ) -> None:
        wanted = acknowledgement.token(model.model_id, model.generation, changes)
        if acknowledge == wanted:
            return
        if acknowledge is not None:
            raise Conflict(
                "acknowledgement-mismatch",
                "the acknowledgement was given for another change, or for another generation of the model",
                "Send the change without an acknowledgement to learn what it does now.",
            )
        raise Conflict(
            "restart-acknowledgement-required",
            "the change replaces the containers that run",
            "Send the same change again with `acknowledge` set to the value of `acknowledge` here.",
            {"acknowledge": wanted, "blast_radius": self.blast_radius(model, spec, strategy, differences)},
        )

    def blast_radius(self, model: Model, spec: Spec, strategy: Strategy, differences: tuple[FieldChange, ...]) -> dict[str, Any]:
        """What a restart means for those who use the model now. Seconds, USD; None where nothing is known."""
        fits, sentence = self._headroom.surge_fits(spec)
        gpus, traffic = int(spec["accelerator"]["gpus"]), self._traffics.read(model.model_id)
        now, then = self._headroom.hourly(model.spec, model.desired), self._headroom.hourly(spec, model.desired)
        both = None if now is None or then is None else round(now + then, 5)
        return {
            "fields": [difference.path for difference in differences if difference.change_class is ChangeClass.RESTART],
            "strategy": strategy.value,
            "surge_fits": fits,
            "surge": sentence,
            "requests_in_flight": traffic.in_flight if traffic else None,
            "expected_downtime_seconds": 0.0 if strategy is Strategy.SURGE else model.expected_start,
            "copies": model.desired,
            "gpus_now": int(model.spec["accelerator"]["gpus"]) * model.desired,
            "gpus_meanwhile": (gpus + int(model.spec["accelerator"]["gpus"])) * model.desired if fits else gpus * model.desired,
            "usd_per_hour_now": now,
            "usd_per_hour_meanwhile": both if fits else then,
            "usd_per_hour_after": then,
        }
