"""What is checked of a wish beyond its contract, whether it is new or changed."""

from collections.abc import Callable, Iterator

from kit.caller import Caller
from kit.errors import Forbidden, InvalidRequest, Violation
from serving.domain.model import Model, Spec
from serving.domain.wishes import complaints
from serving.ports import AddressGuard
from serving.usecases.feasible import Feasible


class WishChecks:
    """Groups that the caller may grant, values that no contract can judge, addresses that must not be called, memory that is not there.

    `model` looks up the models that this one may fall back on, `holder` whose a name is. Without `feasible`, what does not fit is let
    pass: a plan shows it instead.
    """

    def __init__(
        self,
        guard: AddressGuard,
        model: Callable[[str], Model | None],
        holder: Callable[[str], str | None],
        feasible: Feasible | None = None,
    ) -> None:
        self._guard, self._model, self._holder, self._feasible = guard, model, holder, feasible

    def __call__(self, caller: Caller, spec: Spec, before: Spec | None = None) -> None:
        """Forbidden for another's group; InvalidRequest names every field. What `before` held already is not asked about again."""
        foreign = list(_foreign_groups(caller, spec, before))
        if foreign:
            raise Forbidden(
                "group-not-yours",
                "a model may be given only to groups that you are in",
                "Name groups of your own, or ask an administrator.",
                {"errors": [vars(violation) for violation in foreign]},
            )
        violations = [Violation(*complaint) for complaint in complaints(spec)]
        address = (spec.get("provider") or {}).get("api_base")
        if address and (reason := self._guard.refusal(str(address))):
            violations.append(Violation("provider.api_base", "address-refused", reason))
        violations += self._aliases(spec)
        violations += self._fallbacks(caller, spec, before)
        if violations:
            raise InvalidRequest("validation-failed", f"{len(violations)} field(s) are not acceptable", violations=violations)
        if self._feasible:
            self._feasible(spec, before)

    def _aliases(self, spec: Spec) -> Iterator[Violation]:
        for place, name in enumerate(spec.get("aliases", ())):
            if self._holder(str(name)) not in {None, spec["model_id"]}:
                yield Violation(f"aliases[{place}]", "name-taken", f"another model is called {name}")

    def _fallbacks(self, caller: Caller, spec: Spec, before: Spec | None) -> Iterator[Violation]:
        """Each new one must be a model that the caller knows, of the same task. Whether a user may use it is asked anew at each request.

        Two models may name each other: routers ask the fallbacks of the model that was asked for, and never theirs.
        """
        known = set((before or {}).get("fallbacks", ()))
        for place, name in enumerate(spec.get("fallbacks", ())):
            if name in known:
                continue
            model = self._model(str(name))
            if model is None or model.deleted or not caller.may_see(model.model_id, model.allowed_groups):
                yield Violation(f"fallbacks[{place}]", "model-unknown", f"there is no model {name}")
            elif model.spec["task"] != spec["task"]:
                yield Violation(f"fallbacks[{place}]", "other-task", f"{name} is a model for {model.spec['task']}, not {spec['task']}")


def _foreign_groups(caller: Caller, spec: Spec, before: Spec | None) -> Iterator[Violation]:
    if caller.is_admin:
        return
    for field in ("allowed_groups", "pin_groups"):
        known = set((before or {}).get(field, ()))
        for place, group in enumerate(spec.get(field, ())):
            if group not in caller.groups and group not in known:
                yield Violation(f"{field}[{place}]", "group-not-yours", f"you are not in the group {group}")
