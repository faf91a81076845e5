"""The model's people: what they ask of a platform, in an order that hypothesis decides."""

import random
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import booleans, integers, sampled_from

from tests.fabric.delivery.bus import Delivery
from tests.fabric.faults import FaultPlan
from tests.fabric.model.invariants import WHOLE
from tests.fabric.model.people import HOT, MODELS, PEOPLE, RESTART, ROLLING, SCHEDULES, SHARES
from tests.fabric.model.standing import begun
from tests.fabric.platform import Fabric

STANDING: tuple[tuple[str, ...], ...] = (("m1",), ("m2",), ("claude",), ("m1", "m2"), ("m1", "claude"), ())
people, models, any_of = (
    sampled_from(("owner", "owner", "owner", "owner", *sorted(PEOPLE))),
    sampled_from(("there", "there", "there", *MODELS)),
    integers(0, 31),
)
then = sampled_from((0, 0, 4, 10, 30))
"""How much happens after a command before the next thing is decided."""
matches = sampled_from(("", "", "", "fresh", "stale"))


class Asking(RuleBasedStateMachine):
    """One platform and what people ask of it. `steps` counts what was done to all of them."""

    steps = 0
    examples = 0

    def __init__(self) -> None:
        super().__init__()
        self.fabric: Fabric
        self.dead: list[Delivery] = []

    @initialize(seed=integers(0, 2**32 - 1), rough=booleans(), standing=sampled_from(STANDING))
    def begin(self, seed: int, rough: bool, standing: tuple[str, ...]) -> None:
        """A stack on which some models stand already; `rough`: some of everything goes wrong by itself, by the seed."""
        type(self).examples += 1
        self.people = begun(seed, standing)
        self.seen, self.fabric = self.people.seen, self.people.fabric
        self.fabric.__enter__()
        if rough:
            self.fabric.begin(FaultPlan.rough(random.Random(seed)))

    def _named(self, model_id: str) -> str:
        """`there` is one of the models that stand, another each time."""
        if model_id != "there":
            return model_id
        alive = [name for name in MODELS if (row := self.seen.model(name)) and not row["deleted"]]
        return alive[self.people.numbers % len(alive)] if alive else MODELS[0]

    def _flow(self, count: int) -> None:
        for _ in range(count):
            self.fabric.step()

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(flow=then, person=people, model_id=models)
    def create(self, person: str, model_id: str, flow: int) -> None:
        """Somebody wants a model."""
        if model_id == "there":
            model_id = MODELS[self.people.numbers % len(MODELS)]
        self.people.command(person, "create_model", "POST", "/models", body=self.people.wish(model_id))
        self._flow(flow)

    @rule(
        flow=then,
        person=people,
        model_id=models,
        if_match=matches,
        change=sampled_from(HOT + ROLLING + RESTART),
        acknowledge=sampled_from(("right", "right", "wrong", "stale")),
    )
    def update(self, person: str, model_id: str, if_match: str, change: dict[str, Any], acknowledge: str, flow: int) -> None:
        """Somebody wants it otherwise, and acknowledges an interruption: with what was asked for, with nothing of the kind, too late."""
        model_id = self._named(model_id)
        path, before = f"/models/{model_id}", self.seen.model(model_id)
        status, told, _ = self.people.command(person, "update_model", "PATCH", path, body=change, if_match=if_match)
        if status != 409 or "acknowledge" not in (told or {}):
            self._flow(flow)
            return
        generation = before["generation"] if before else 0
        token = {"right": told["acknowledge"], "wrong": "ack_" + "0" * 40, "stale": told["acknowledge"]}[acknowledge]
        if acknowledge == "stale":
            self.people.command(person, "update_model", "PATCH", path, body={"tags": {"turn": str(generation)}})
            self.fabric.run()
        status, _, _ = self.people.command(person, "update_model", "PATCH", path, body=change | {"acknowledge": token})
        after = self.seen.model(model_id) or {}
        moved = after.get("generation", 0) > generation + 1
        assert acknowledge != "wrong" or status != 202 or after["status"] in {"Stopped", "Failed"}, (
            "an acknowledgement of nothing was taken"
        )
        assert acknowledge != "stale" or status != 202 or not moved or after["status"] in {"Stopped", "Failed"}, (
            "an old acknowledgement was taken"
        )
        self._flow(flow)

    @rule(flow=then, person=people, model_id=models, if_match=matches, what=sampled_from(("start", "stop", "stop", "retry")))
    def turn(self, person: str, model_id: str, if_match: str, what: str, flow: int) -> None:
        """Start, stop, retry."""
        model_id = self._named(model_id)
        self.people.command(person, f"{what}_model", "POST", f"/models/{model_id}/{what}", if_match=if_match)
        self._flow(flow)

    @rule(flow=then, person=people, model_id=models, if_match=matches)
    def delete(self, person: str, model_id: str, if_match: str, flow: int) -> None:
        """Somebody wants it gone; one that is protected stays."""
        model_id = self._named(model_id)
        row = self.seen.model(model_id)
        status, told, _ = self.people.command(person, "delete_model", "DELETE", f"/models/{model_id}", if_match=if_match)
        if status == 202 and row and row["spec"].get("delete_protection"):
            assert row["status"] == "Deleting", f"{model_id} is protected, and its deletion was accepted: {told}"
        self._flow(flow)

    @rule(flow=then, person=people, which=any_of)
    def cancel(self, person: str, which: int, flow: int) -> None:
        """Somebody wants an operation ended."""
        if ids := sorted(self.people.accepted)[-4:]:
            chosen = ids[which % len(ids)]
            status, _, _ = self.people.command(person, "cancel_operation", "POST", f"/operations/{chosen}/cancel")
            if status == 202 and flow == 30 and not self.fabric.fired:
                self.fabric.run()
                operation = self.seen.operation(chosen) or {}
                cancelled = operation["ended_at"] or operation["relapse"]
                assert cancelled, f"nothing has gone wrong, and the cancelled {operation['kind']} is {operation['status']}"
        self._flow(flow)

    @rule(flow=then, person=people, model_id=models, schedule=sampled_from((*SCHEDULES, None)))
    def schedule(self, person: str, model_id: str, schedule: dict[str, Any] | None, flow: int) -> None:
        """Windows in which it is in service, or no such windows any more."""
        model_id = self._named(model_id)
        name, method = ("set_schedule", "PUT") if schedule else ("remove_schedule", "DELETE")
        self.people.command(person, name, method, f"/models/{model_id}/schedule", body=schedule)
        self._flow(flow)

    @rule(flow=then, person=people, model_id=models, shares=sampled_from(SHARES))
    def share(self, person: str, model_id: str, shares: list[dict[str, Any]], flow: int) -> None:
        """Somebody shares its traffic by versions, or leaves that to the targets again."""
        model_id = self._named(model_id)
        status, told, _ = self.people.command(person, "set_traffic", "PUT", f"/models/{model_id}/traffic", body={"versions": shares})
        whole = sum(share["weight"] for share in shares) == WHOLE or not shares
        assert status != 200 or whole, f"shares that make no whole were taken for {model_id}: {told}"
        self._flow(flow)

    @rule(which=any_of, how=sampled_from(("same", "same", "body", "person")))
    def again(self, which: int, how: str) -> None:
        """A request that was accepted comes once more under its key."""
        self.people.again(which, other_body=how == "body", other_person=how == "person")

    @rule(person=people, model_id=models, way=any_of)
    def look(self, person: str, model_id: str, way: int) -> None:
        """Somebody looks, or tries what is not theirs to do."""
        model_id = self._named(model_id)
        self.people.look(person, model_id)
        self.people.trespass(person, model_id, way)

    @rule(person=people, what=sampled_from(("issue", "revoke", "present", "present")), which=any_of)
    def token(self, person: str, what: str, which: int) -> None:
        """Tokens come, are shown, and are worth nothing any more."""
        if what == "issue":
            self.people.issue(person)
        else:
            getattr(self.people, what)(which)
