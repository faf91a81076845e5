"""A seeded random walk: commands of some people, faults, trouble in the cluster, and time that passes, in an order that the seed decides.

    with Fabric(seed, FaultPlan.rough(chance)) as fabric:
        Walk(fabric, chance).go(40)

Afterwards `check` asks for what must hold whatever has happened, once everything has been delivered.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fabric.faults import FaultPlan
from tests.fabric.platform import PROVIDER, Fabric

MODELS = ("m1", "m2", "claude")
"""Two engines of ours and a third party's."""
_REFUSED = ("CreateService", "UpdateService", "RegisterTaskDefinition", "DeleteService")
ENDS = frozenset({"ModelInService", "ModelStopped", "ModelDeleted", "ModelFailed"})
_ENDED = {"Succeeded", "Failed", "Superseded", "Cancelled"}
_CHANGES: tuple[dict[str, Any], ...] = (
    {"description": "another"},
    {"capacity": {"min": 1, "max": 2, "desired": 2}},
    {"engine": {"kind": "llama.cpp", "arguments": {"context_length": 4096}}},
)


@dataclass
class Walk:
    """One walk. `accepted` holds the ids of the operations that were accepted."""

    fabric: Fabric
    chance: random.Random
    accepted: list[str] = field(default_factory=list)

    def go(self, steps: int) -> None:
        """So many steps."""
        moves: list[tuple[int, Callable[[], Any]]] = [
            (12, self._deliver),
            (3, self._command),
            (1, self._time),
            (1, self._trouble),
            (1, self._router),
            (1, self._sweep),
            (2, self._calm),
        ]
        weights = [weight for weight, _ in moves]
        self.fabric.quotas.value = 4.0  # there is no second GPU: updates of m2 are in place
        self._create(MODELS[0])
        for _ in range(steps):
            self.chance.choices([move for _, move in moves], weights)[0]()

    def _deliver(self) -> None:
        for _ in range(self.chance.randint(1, 6)):
            self.fabric.step()

    def _command(self) -> None:
        model_id = self.chance.choice(MODELS)
        path = f"/models/{model_id}"
        commands: list[Callable[[], tuple[int, Any]]] = [
            lambda: self._create(model_id),
            lambda: self._update(model_id),
            lambda: self._ask("stop_model", "POST", f"{path}/stop"),
            lambda: self._ask("start_model", "POST", f"{path}/start"),
            lambda: self._ask("retry_model", "POST", f"{path}/retry"),
            lambda: self._ask("delete_model", "DELETE", path),
            self._cancel,
        ]
        serves = any(row.get("model_id") == model_id and row.get("status") == "InService" for row in self.fabric.rows().values())
        self.chance.choices(commands, [2, 6 if serves else 1, 2, 2, 1, 2, 1])[0]()

    def _create(self, model_id: str) -> tuple[int, Any]:
        wish = self.fabric.wish(model_id)
        if model_id == "m2":  # on GPUs, of which there is no second: its copies go before the new ones come
            wish["accelerator"] = {"gpus": 1}
        if model_id == "claude":
            wish = PROVIDER | {"model_id": model_id}
        return self._ask("create_model", "POST", "/models", body=wish)

    def _update(self, model_id: str) -> tuple[int, Any]:
        change = self.chance.choice(_CHANGES)
        status, told = self._ask("update_model", "PATCH", f"/models/{model_id}", body=change)
        if status == 409 and "acknowledge" in (told or {}):
            return self._ask("update_model", "PATCH", f"/models/{model_id}", body=change | {"acknowledge": told["acknowledge"]})
        return status, told

    def _cancel(self) -> tuple[int, Any]:
        if not self.accepted:
            return 0, None
        status, told, _ = self.fabric.http("cancel_operation", "POST", f"/operations/{self.accepted[-1]}/cancel")
        return status, told

    def _ask(self, function: str, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Ask, as a client does that tries once more under the same key where it was told nothing or to come again."""
        key = {"idempotency-key": f"walk-{self.chance.getrandbits(64):x}"}
        for _ in range(2):
            status, told, _ = self.fabric.http(function, method, path, headers=key, **more)
            if status < 500:
                break
        if status == 202 and told["operation_id"] not in self.accepted:
            self.accepted.append(told["operation_id"])
        return status, told

    def _time(self) -> None:
        self.fabric.live(self.chance.choice((5, 61, 200)))

    def _sweep(self) -> None:
        self.fabric.sweep("serving")

    def _calm(self) -> None:
        """Long enough for whatever has begun to come to its end, unless it has to wait."""
        self.fabric.run()

    def _trouble(self) -> None:
        cluster = self.fabric.ecs
        dice = self.chance.random()
        if dice < 0.15:
            cluster.doom(self.chance.choice(MODELS), self.chance.choice(("image-pull-failed", "engine-crashed", "weights-corrupt")))
            return
        if dice < 0.25:
            self.fabric.fault("ecs", self.chance.choice(_REFUSED), "ClientException")
            return
        if dice < 0.3:
            self.fabric.router.provider_failure = self.chance.choice(("", "provider-authentication-failed"))
            return
        alive = cluster.alive()
        if not alive or self.chance.random() < 0.3:
            self.chance.choice((cluster.no_capacity, cluster.capacity_back))()
            return
        befalls = (cluster.fail, cluster.oom, cluster.flap, cluster.stop_task, cluster.report_broken)
        self.chance.choice(befalls)(self.chance.choice(alive))

    def _router(self) -> None:
        router = self.fabric.router
        what = (
            router.restart,
            router.probe,
            lambda: router.request(self.chance.choice(MODELS)),
            lambda: router.load(self.chance.choice(MODELS), self.chance.randrange(8)),
        )
        self.chance.choice(what)()


def plan_of(seed: int) -> FaultPlan:
    """The faults of a seed's walk."""
    return FaultPlan.rough(random.Random(f"plan {seed}"))


def walked(seed: int, steps: int) -> tuple[Fabric, Walk]:
    """Walk, and check. Whatever fails says which seed it was."""
    chance = random.Random(f"walk {seed}")
    with Fabric(seed, plan_of(seed)) as fabric:
        walk = Walk(fabric, chance)
        walk.go(steps)
        check(walk)
    return fabric, walk


def check(walk: Walk) -> None:
    """Let it come to rest, then delete every model, and ask at both moments for what must hold."""
    fabric = walk.fabric
    fabric.settle()
    _operations_ended(walk)
    _nothing_dead(fabric)
    for model_id in MODELS:
        walk._ask("delete_model", "DELETE", f"/models/{model_id}")
    fabric.settle()
    _operations_ended(walk)
    _nothing_left(fabric)
    _nothing_dead(fabric)


def _operations_ended(walk: Walk) -> None:
    """Every accepted operation has come to one end, and that end was told once if it is one that is told at all."""
    fabric = walk.fabric
    ends = Counter(str(fact["data"].get("operation_id")) for fact in fabric.ledger() if fact["event_type"] in ENDS)
    for operation_id in walk.accepted:
        operation = fabric.operation(operation_id)
        status, goal = operation["status"], operation["goal"]
        assert status in _ENDED, told(fabric, f"operation {operation_id} is {status}")
        # An update of a model that is stopped is done with the ModelUpdated; one that was overtaken or cancelled may have nothing to tell.
        once = {1} if status == "Succeeded" and goal != "update" else {0, 1}
        assert ends[operation_id] in once, told(fabric, f"{goal} {operation_id} {status}, told {ends[operation_id]} times")


def _nothing_left(fabric: Fabric) -> None:
    """Deleted models occupy nothing."""
    assert fabric.ecs.left() == [], told(fabric, f"left behind: {fabric.ecs.left()}")
    routes = [route for route in fabric.router.table if fabric.route(route)]
    assert routes == [], told(fabric, f"routes left: {routes}")
    markers = [key for table in ("serving", "routing", "registry", "access") for key in fabric.rows(table) if key[0].startswith("OUTBOX#")]
    assert markers == [], told(fabric, f"never announced: {markers}")


def _nothing_dead(fabric: Fabric) -> None:
    """Nothing was poisoned, and the plans are merciful: nothing may lie with the dead letters."""
    assert fabric.dead_letters() == {}, told(fabric, f"dead letters: {fabric.dead_letters()}")


def told(fabric: Fabric, what: str) -> str:
    """The failure, the seed, and the end of the trace."""
    return f"seed {fabric.seed}: {what}\n" + "\n".join(fabric.log[-80:])
