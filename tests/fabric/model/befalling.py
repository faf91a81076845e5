"""What befalls the model's platform: deliveries and their mishaps, faults, trouble in the cluster, routers, and time."""

from collections.abc import Callable
from typing import Any

from hypothesis import event
from hypothesis.stateful import rule
from hypothesis.strategies import integers, sampled_from

from tests.fabric.delivery.bus import Delivery
from tests.fabric.faults import KINDS
from tests.fabric.model.asking import Asking, any_of, models
from tests.fabric.model.letters import give_back
from tests.fabric.model.people import MODELS

_LOSABLE = frozenset({"stream", "router", "schedule"})
_ENGINE_ENDS = ("engine-crashed", "weights-corrupt", "image-pull-failed")


class Befalling(Asking):
    """One platform, what is asked of it and what happens to it."""

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
