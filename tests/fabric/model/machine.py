"""The stateful model test: random people, faults, trouble and time, in an order that hypothesis decides, against every invariant.

What may be lost is what AWS may lose, or what an operator gives back: a stream's records after a day (the sweep announces what was not
announced), a router's look, an alarm, a tick of a sweep, an event of EC2's (best effort); a message that ended with the dead letters
comes back by `redrive`. Everything else arrives at least once: late, again, in any order.

Of the eighteen invariants of the design these do not apply yet, because what they speak of does not exist: shares of a canary, its
approved steps and the exact roll-back of a table (of 9), a group's budget of GPUs (of 18), scaling policies (of 3: the platform scales by
itself, and what it set is asked for), a chain of hashes in the audit (of 5).
"""

import random
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import event
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import booleans, integers, sampled_from

from tests.fabric.delivery.bus import Delivery
from tests.fabric.faults import KINDS, FaultPlan
from tests.fabric.model.confluence import the_wish_is_what_was_accepted
from tests.fabric.model.invariants import STEPS
from tests.fabric.model.letters import come_to_rest, give_back
from tests.fabric.model.people import HOT, MODELS, PEOPLE, RESTART, ROLLING, SCHEDULES
from tests.fabric.model.rest import FINALLY
from tests.fabric.model.standing import begun
from tests.fabric.platform import Fabric

STANDING: tuple[tuple[str, ...], ...] = (("m1",), ("m2",), ("claude",), ("m1", "m2"), ("m1", "claude"), ())
LINES_SHOWN = 150
"""Of the trace, where an example fails."""
people, models, any_of = (
    sampled_from(("owner", "owner", "owner", "owner", *sorted(PEOPLE))),
    sampled_from(("there", "there", "there", *MODELS)),
    integers(0, 31),
)
then = sampled_from((0, 0, 4, 10, 30))
"""How much happens after a command before the next thing is decided."""
matches = sampled_from(("", "", "", "fresh", "stale"))
_LOSABLE = frozenset({"stream", "router", "schedule"})
_ENGINE_ENDS = ("engine-crashed", "weights-corrupt", "image-pull-failed")


def fresh_machine() -> "type[Platform]":
    """A machine of its own, whose counters are at nought."""

    class Counted(Platform):
        steps = 0
        examples = 0

    return Counted


class Platform(RuleBasedStateMachine):
    """One platform and everything that may befall it. `steps` counts what was done to all of them."""

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

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(which=any_of)
    def happen(self, which: int) -> None:
        """Any one thing that can happen happens."""
        if found := self.fabric.pending:
            self.fabric.deliver(found[which % len(found)])

    @rule(count=integers(1, 12))
    def flow(self, count: int) -> None:
        """Some things happen, in the seed's order; time goes on where nothing is due."""
        self._flow(count)

    @rule()
    def calm(self) -> None:
        """Everything that is on its way arrives."""
        self.fabric.run()

    @rule(which=any_of, how=sampled_from(("twice", "late", "later", "lost", "dead")))
    def mishap(self, which: int, how: str) -> None:
        """Something comes twice, late, not at all where AWS may lose it, or ends with the dead letters until somebody gives it back."""
        found = self.fabric.pending
        if not found:
            return
        thing = found[which % len(found)]
        if how == "twice":
            self.fabric.duplicate(thing)
        elif how in {"late", "later"}:
            if thing.kind in {"bus", "queue", "stream", "invocation", "router"}:
                self.fabric.delay(thing, 30.0 if how == "late" else 400.0)
        elif how == "lost":
            if thing.kind in _LOSABLE or (isinstance(thing, Delivery) and thing.event["source"] == "aws.ec2"):
                self.fabric.drop(thing)
        elif isinstance(thing, Delivery):
            self.fabric.drop(thing)
            self.dead.append(thing)

    @rule()
    def redrive(self) -> None:
        """Somebody gives back what lies with the dead letters."""
        for delivery in self.dead:
            delivery.due = self.fabric.now
            self.fabric.bus.waiting.append(delivery)
        self.dead.clear()
        give_back(self.fabric)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(service=sampled_from(("dynamodb", "ecs", "events", "stepfunctions", "*")), kind=sampled_from(KINDS), times=integers(1, 2))
    def fault(self, service: str, kind: str, times: int) -> None:
        """The next calls to AWS are throttled or refused, or have happened without an answer, once or twice."""
        self.fabric.fault(service, "*", kind, times)

    @rule(call=integers(0, 7), what=sampled_from(("before", "after", "preempt", "stale")))
    def trip(self, call: int, what: str) -> None:
        """The function that runs next dies around one of its calls, is overtaken there, or reads what is old."""
        if what == "preempt":
            self.fabric.preempt_next(call)
        elif what == "stale":
            self.fabric.stale_next(1 + call % 2)
        else:
            self.fabric.crash_next(call, what)  # type: ignore[arg-type]  # one of the two moments

    # ── the cluster and the routers ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(which=any_of, what=sampled_from(("fail", "oom", "flap", "stop_task", "report_broken", "spot", "spot_unwarned")))
    def engine(self, which: int, what: str) -> None:
        """Something befalls a copy."""
        cluster = self.fabric.ecs
        if not (alive := cluster.alive()):
            return
        task = alive[which % len(alive)]
        befalls: dict[str, Callable[[], Any]] = {
            "spot": lambda: cluster.spot(task),
            "spot_unwarned": lambda: cluster.spot(task, warned=False),
        }
        befalls.get(what, lambda: getattr(cluster, what)(task))()

    @rule(what=sampled_from(("doom", "doom", "none", "back", "refuse", "third")), model_id=models, code=sampled_from(_ENGINE_ENDS))
    def shortage(self, what: str, model_id: str, code: str) -> None:
        """Engines that will fail, no room for tasks, refusals of ECS and of third parties."""
        model_id = self._named(model_id)
        if what == "doom":
            self.fabric.ecs.doom(f"-{model_id}-", code)
        elif what == "none":
            self.fabric.ecs.no_capacity()
        elif what == "back":
            self.fabric.ecs.capacity_back()
        elif what == "refuse":
            self.fabric.fault("ecs", "CreateService", "ClientException")
        else:
            self.fabric.router.provider_failure = "" if self.fabric.router.provider_failure else "provider-authentication-failed"

    @rule(what=sampled_from(("restart", "probe", "request", "load", "idle")), model_id=models, load=integers(1, 40))
    def router(self, what: str, model_id: str, load: int) -> None:
        """A router starts anew, looks around, gets requests (13: which it answers or refuses without asking any function)."""
        model_id = self._named(model_id)
        router = self.fabric.router
        if what == "request":
            runs = sum(self.fabric.functions.runs.values())
            event(f"request {router.request(model_id)}")
            assert sum(self.fabric.functions.runs.values()) == runs, "a request had to wait for a function"
        elif what in {"load", "idle"}:
            router.load(model_id, load if what == "load" else 0)
        else:
            getattr(router, what)()

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=sampled_from((5, 61, 61, 200)))
    def live(self, seconds: int) -> None:
        """Time passes, and what is due on the way happens."""
        self.fabric.live(seconds)

    @rule(seconds=sampled_from((90, 700, 1500)))
    def outage(self, seconds: int) -> None:
        """13: no function runs for that long; whoever was answered before is answered still."""
        router = self.fabric.router
        before = {
            model_id: router.request(model_id) == "open" for model_id in MODELS if router.table.get(model_id, {}).get("state") == "open"
        }
        self.fabric.advance(seconds)
        assert all(router.request(model_id) == "open" for model_id, was in before.items() if was), "an outage ended what was served"

    @rule(context=sampled_from(("serving", "routing", "registry", "access", None)))
    def sweep(self, context: str | None) -> None:
        """Sweeps run before their time."""
        self.fabric.sweep(context)

    # ── what holds ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def always(self) -> None:
        """Whatever was written in this step was right, and what is to be seen is."""
        type(self).steps += 1
        self.seen.hear()
        self.seen.look()
        for check in STEPS:
            check(self.seen)

    def teardown(self) -> None:
        """Faults end, everything arrives, the dead letters are given back; then what holds finally is asked for."""
        if not hasattr(self, "fabric"):
            return
        error = sys.exc_info()[1]  # what ended the example early, which is why this runs
        try:
            if error is None:
                self.finally_()
        except Exception as failure:
            error = failure
            raise
        finally:
            self.fabric.__exit__(None, None, None)
            if isinstance(error, Exception):
                trace = "\n".join(self.fabric.log[-LINES_SHOWN:])
                error.add_note(f"what happened on the platform (seed {self.fabric.seed}, {len(self.fabric.log)} lines):\n{trace}")

    def finally_(self) -> None:
        """At rest."""
        self.redrive()
        come_to_rest(self.fabric)
        self.seen.hear()
        self.seen.look()
        for check in (*STEPS, *FINALLY):
            check(self.seen)
        the_wish_is_what_was_accepted(self.people)
        self._undisturbed()

    def _undisturbed(self) -> None:
        """2: where nothing goes wrong any more, a command is carried out without any sweep: a model goes."""
        for model_id in MODELS:
            row = self.seen.model(model_id)
            if row and not row["deleted"] and not row["spec"]["delete_protection"]:
                status, told, _ = self.people.command("admin", "delete_model", "DELETE", f"/models/{model_id}")
                assert status == 202, f"the deletion of {model_id} at rest is answered {status}: {told}"
                self.fabric.run()
                self.seen.look()
                assert (self.seen.model(model_id) or {})["deleted"], f"nothing has gone wrong, and {model_id} is not gone"
                return
