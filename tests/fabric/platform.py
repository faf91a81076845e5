"""The whole platform in one process: real handlers over AWS in memory, connected as template.yaml says, in virtual time, from one seed.

    with Fabric(seed=7, faults=FaultPlan(duplicate=0.1)) as fabric:
        status, body, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1"))
        fabric.run()
        fabric.settle()

Everything that can happen next is a thing on the agenda (`fabric.pending`); whoever drives decides which, or lets the seed decide.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from tests.fabric.asl import Execution, StateMachines
from tests.fabric.aws.boundary import Boundary
from tests.fabric.aws.cluster import Cluster
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.aws.ecs import Ecs
from tests.fabric.aws.pace import Pace
from tests.fabric.aws.small import Buckets, Quotas, Secrets, Silent, artefact
from tests.fabric.clock import VirtualClock, in_place_of_the_real
from tests.fabric.delivery.agenda import Ground, Home, Outcome
from tests.fabric.delivery.bus import Bus
from tests.fabric.delivery.executions import Executions
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.delivery.queues import Queues
from tests.fabric.delivery.schedules import Schedules
from tests.fabric.delivery.streams import Streams
from tests.fabric.driver import Driver, Quiet
from tests.fabric.faults import FaultPlan, Faults
from tests.fabric.functions import Functions, account
from tests.fabric.gateway import Gateway
from tests.fabric.intrinsics import name_of, resolve
from tests.fabric.router import Router
from tests.fabric.stepfunctions import StepFunctionsApi, lambda_like
from tests.fabric.topology import DEFAULT_BUS, Target, function_of, topology
from tests.fabric.views import Views

RESEARCHER = {"subject": "token:r", "kind": "token", "groups": ["research"], "scopes": ["models:read", "models:write"]}
ADMIN = {"subject": "token:admin", "kind": "token", "groups": [], "scopes": ["admin"]}
PROVIDER: dict[str, Any] = {
    "model_id": "claude",
    "hosting": "provider",
    "allowed_groups": ["research"],
    "provider": {"name": "bedrock", "model": "anthropic.claude-sonnet-4-5", "region": "eu-west-1"},
}
"""A third party's model, as people ask for it."""
PEPPER = json.dumps({"current": "1", "1": "p" * 64})


class Fabric(Driver, Views):
    """One platform. Use it as a context manager: only one can be at a time in a process.

    `pace`: how long ECS takes; `verbatim`: every log line is kept as CloudWatch would get it (`functions.lines`), which costs time.
    """

    def __init__(
        self, seed: int = 0, faults: FaultPlan | None = None, *, routers: int = 1, pace: Pace | None = None, verbatim: bool = False
    ) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.clock = VirtualClock()
        Driver.__init__(self)
        self.edges: Counter[str] = Counter()
        self.topology = topology()
        self._faults = Faults(faults or FaultPlan(), random.Random(self.chance.random()), self._note, self._preempt)
        self.functions = Functions(self.topology, self._faults, verbatim)
        ground = Ground(self.clock, self.chance, self._invoke, self._dead, self._note)
        self.streams = Streams(ground, self.topology)
        self.queues = Queues(ground, self.topology)
        self.invocations = Invocations(ground, self.topology)
        self.bus = Bus(ground, self.topology, self._hand)
        self.schedules = Schedules(ground, self.topology, self.invocations, (str(resolve({"Ref": "ServingAlarms"})),))
        self.ecs = Cluster(self.clock, self.chance, self._from_aws, pace)
        self.machines = StateMachines(
            self.topology.machines, lambda_like(self._task), stepwise=True, entered=self._entered, chance=self.chance.random
        )
        self.executions = Executions(self.machines)
        self.tables = DynamoDb(self.clock.elapsed, self.streams.changed)
        self.buckets, self.secrets, self.quotas = Buckets(), Secrets(), Quotas(self.ecs.vcpus)
        self.boundary = self._boundary()
        self.routers = [self._router(number) for number in range(routers)]
        self.gateway = Gateway(self.topology, self._invoke, self._note)
        self._homes: tuple[Home, ...] = (
            self.streams, self.bus, self.queues, self.invocations, self.executions, self.ecs, self.schedules, *self.routers,
        )  # fmt: skip
        self._stack = ExitStack()
        self._furnish()

    # ── as a context ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        """Take the place of AWS, of time and of chance."""
        self._stack.enter_context(account(self.boundary, dict(self.topology.environment)))
        self._stack.enter_context(in_place_of_the_real(self.clock, random.Random(self.chance.random())))
        self._stack.enter_context(self.functions.listening())
        return self

    def __exit__(self, *told: object) -> None:
        """Give it back."""
        self._stack.close()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy of it is made of (see `tests.fabric.copies`): everything but its place in the process."""
        return {name: value for name, value in vars(self).items() if name != "_stack"} | {"_stack": ExitStack()}

    def reseed(self, seed: int) -> None:
        """Let another seed decide from now on; none of its ids is one that this seed gave to a platform from its beginning."""
        self.seed = seed
        self.chance.seed(f"from now on {seed}")
        self._faults.chance.seed(self.chance.random())

    def _boundary(self) -> Boundary:
        ecs = Ecs(self.ecs)
        self._faults.services = {"dynamodb": self.tables, "ecs": ecs}
        services: dict[str, Any] = {
            "dynamodb": self.tables,
            "events": self.bus,
            "sqs": self.queues,
            "ecs": ecs,
            "stepfunctions": StepFunctionsApi(self.machines),
            "scheduler": self.schedules,
            "s3": self.buckets,
            "secretsmanager": self.secrets,
            **dict.fromkeys(("service-quotas", "cloudwatch"), self.quotas),
            **dict.fromkeys(("ec2", "pricing"), Silent()),
        }
        return Boundary(services, self._faults.around)

    def _furnish(self) -> None:
        """What a deployed stack has before anybody uses it."""
        self.clock.moved = self.machines.moved
        for table in self.topology.tables:
            self.tables.create(table)
        self.secrets.values[self.topology.environment["PEPPER_SECRET_ARN"]] = PEPPER
        self.buckets.objects[self.topology.environment["ARTIFACT_BUCKET"]] = {}

    def _router(self, number: int) -> Router:
        parts = self.clock, self.chance, self.boundary, self.tables, self.ecs
        return Router(f"router-{number}", *parts, name_of("RoutingRouteTable"), self.topology.bus, self._note)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def http(
        self, function: str, method: str, path: str, *, caller: Mapping[str, Any] = RESEARCHER, **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """One request to the management API, by somebody whom the authorizer let in: status, body, headers.

        `body`, `headers`, `query` as in `tests.fabric.wire.http_event`; `token` goes through the real authorizer in `caller`'s place.
        """
        return self.gateway.request(function, method, path, caller, **more)

    def wish(self, model_id: str, version: str = "1.0.0", **changes: Any) -> dict[str, Any]:
        """A body for `POST /models` whose artefact is there."""
        return {
            "model_id": model_id,
            "hosting": "hosted",
            "version": version,
            "allowed_groups": ["research"],
            "artifact": self.artefact(model_id, version),
            "engine": {"kind": "llama.cpp", "arguments": {"context_length": 8192}},
        } | changes

    def artefact(self, model_id: str, version: str) -> dict[str, str]:
        """Publish an artefact; what a wish says of it."""
        return artefact(self.buckets, self.topology.environment["ARTIFACT_BUCKET"], model_id, version)

    # ── sweeps and rest ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def sweep(self, context: str | None = None) -> None:
        """Call the sweeps now, of one context or of all."""
        for sweep in self.topology.sweeps:
            found = self.topology.functions[sweep.function]
            if context in {None, found.context}:
                self.deliver(self.invocations.accept(sweep.function, {}, "sweep by hand"))

    def settle(self, minutes: int = 90, *, heal: bool = True) -> int:
        """No more faults; everything is delivered, and time goes on through sweeps until two in a row change nothing. How many it took.

        `heal`: shortages of capacity, dooms of engines and refusals of third parties end too.

        `Quiet` if that does not come about within so many virtual minutes.
        """
        self._faults.calm()
        self._note("faults off")
        if heal:
            self.ecs.heal()
            for router in self.routers:
                router.provider_failure = ""
        before, still = self._state(), 0
        for minute in range(minutes):
            self.run()
            self.live(60.0)
            self.run()
            after = self._state()
            still = still + 1 if after == before and self._at_rest() else 0
            before = after
            if still == 2:
                return minute + 1
        message = f"seed {self.seed}: not settled after {minutes} minutes\n" + "\n".join(self.log[-80:])
        raise Quiet(message)

    @property
    def router(self) -> Router:
        """The first router."""
        return self.routers[0]

    # ── insides ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _invoke(self, name: str, event: Any, *, last: bool = False) -> Outcome:
        return self.functions.invoke(name, event, last=last)

    def _task(self, arn: str, payload: Any) -> Any:
        """A state machine runs a function."""
        from tests.fabric.asl import TaskFailed

        outcome = self._invoke(function_of(arn), payload)
        if not outcome.fine:
            raise TaskFailed(outcome.error, json.dumps({"errorMessage": outcome.message, "errorType": outcome.error}))
        return outcome.answer

    def _hand(self, target: Target, event: dict[str, Any], about: str) -> None:
        if target.kind == "queue":
            self.queues.send(target.name, json.dumps(event), about)
        else:
            self.invocations.accept(target.name, event, about)

    def _from_aws(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...]) -> None:
        self.bus.put(DEFAULT_BUS, source, detail_type, json.loads(json.dumps(detail, default=str)), resources)

    def _dead(self, queue: str, whence: str, what: Any) -> None:
        self._note(f"DEAD LETTER in {queue or 'nowhere'} from {whence}")
        if queue:
            self.queues.send(queue, json.dumps({"from": whence, "what": what}), whence)

    def _entered(self, execution: Execution, left: str, entered: str) -> None:
        self.edges[f"{execution.machine}:{left or 'Start'}→{entered}"] += 1

    def _at_rest(self) -> bool:
        """Whether no execution is under way."""
        return all(execution.status != "RUNNING" for execution in self.machines.executions.values())

    def _state(self) -> tuple[int, int]:
        """What changes when anything changes: stream records written, and tasks."""
        return self.tables.changes, sum(task.version for task in self.ecs.tasks.values())
