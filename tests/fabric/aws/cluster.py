"""The ECS cluster: places tasks, brings them up and down in virtual time, tells the default bus of every step, restarts what dies.

Tests make trouble through it: `fail`, `oom`, `flap`, `stop_task`, `spot`, `no_capacity`, `doom`.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from contracts.engine import FAILURES
from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.engines import ENDING, STOPPED, Service, Task, service_arn
from tests.fabric.aws.pace import Pace, Picture, Step
from tests.fabric.clock import VirtualClock, moment
from tests.fabric.delivery.agenda import Thing, Waiting
from tests.fabric.intrinsics import CLUSTER

Put = Callable[[str, str, Mapping[str, Any], tuple[str, ...]], Any]
"""Puts an event of AWS's own on the default bus: source, detail-type, detail, resources."""
BREAKER = 3
"""Failed starts after which the circuit breaker of a small service opens (AWS: half of the desired count, at least three)."""
PLACEMENT_RETRY = 60.0
NO_CAPACITY = "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later."
_EXITED = "Essential container in task exited"
_WARNING_SECONDS = 120.0
_VCPUS = 4.0


class Cluster(Waiting):
    """The one cluster."""

    def __init__(self, clock: VirtualClock, chance: random.Random, put: Put, pace: Pace | None = None) -> None:
        super().__init__()
        self._clock, self._chance, self._put = clock, chance, put
        self.pace = pace or Pace()
        self.services: dict[str, Service] = {}
        self.tasks: dict[str, Task] = {}
        self.definitions: dict[str, list[dict[str, Any]]] = {}
        self.shortage = ""
        """Why no task can be placed; empty while there is room."""
        self.dooms: list[tuple[str, str]] = []
        """Fates of engines still to be placed: part of the service's name, failure code."""
        self._earlier = Picture({}, {})
        self._numbers = 0

    def now(self) -> float:
        """Virtual seconds."""
        return self._clock.seconds

    # ── what the API does ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, given: Mapping[str, Any]) -> Service:
        """A service, whose tasks will be placed."""
        self._remember()
        service = Service(given["serviceName"], dict(given), given["taskDefinition"], given["desiredCount"], self.now())
        self.services[service.name] = service
        self._reconcile(service)
        return service

    def scale(self, service: Service, desired: int) -> None:
        """Another number of tasks."""
        if service.desired == desired:
            return
        self._remember()
        service.desired, service.steady = desired, False
        self._reconcile(service)

    def delete(self, service: Service) -> None:
        """No tasks, and then no service."""
        self._remember()
        service.desired, service.status = 0, "DRAINING"
        self._reconcile(service)
        self._settle(service)

    def service_view(self, service: Service) -> dict[str, Any]:
        """As the API shows it."""
        return service.view([task for task in self.tasks.values() if task.service == service.name])

    def picture(self, *, stale: bool = False) -> Picture:
        """Everything as of now, or as of before the last change."""
        if stale:
            return self._earlier
        tasks: dict[str, list[Task]] = {}
        for task in self.tasks.values():
            tasks.setdefault(task.service, []).append(task)
        services = {name: one.view(tasks.get(name, [])) for name, one in self.services.items()}
        return Picture(services, {task_id: task.view() for task_id, task in self.tasks.items()})

    def vcpus(self) -> float:
        """Of the instances under tasks, each as small as there are any."""
        return sum(_VCPUS for task in self.tasks.values() if task.host and task.last != STOPPED)

    def left(self) -> list[str]:
        """Services that are not gone and tasks that run: what somebody pays for."""
        active = [name for name, one in self.services.items() if one.status != "INACTIVE"]
        return active + [f"task {task.task_id[:8]} of {task.service}" for task in self.tasks.values() if task.last != STOPPED]

    # ── what befalls tasks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def alive(self, part_of_service: str = "") -> list[Task]:
        """Tasks that have not ended, of services with this in their names."""
        return [task for task in self.tasks.values() if task.last not in {STOPPED, *ENDING} and part_of_service in task.service]

    def fail(self, task: Task, code: str = "engine-crashed") -> None:
        """The engine ends with the exit status of this failure (`contracts.engine.FAILURES`)."""
        self._ends(task, "EssentialContainerExited", _EXITED, FAILURES[code].exit_status)

    def oom(self, task: Task) -> None:
        """The kernel kills the engine."""
        self._ends(task, "EssentialContainerExited", _EXITED, 137, "OutOfMemoryError: Container killed due to memory usage")

    def flap(self, task: Task) -> None:
        """The container's health check fails: ECS replaces the task."""
        self._ends(task, "ServiceSchedulerInitiated", "Task failed container health checks", 137)

    def stop_task(self, task: Task, reason: str = "Task stopped by user") -> None:
        """Somebody stops it by name."""
        self._remember()
        self._ends(task, "UserInitiated", reason, 143)

    def report_broken(self, task: Task, code: str = "engine-answer-invalid") -> None:
        """The engine runs on, and says of itself that it has failed."""
        task.broken = code

    def spot(self, task: Task, *, warned: bool = True) -> None:
        """AWS takes the host back, with two minutes' warning or without."""
        if not task.host:
            return
        resources = (f"arn:aws:ec2:{REGION}a:instance/{task.host}",)
        if warned:
            detail = {"instance-id": task.host, "instance-action": "terminate"}
            self._put("aws.ec2", "EC2 Spot Instance Interruption Warning", detail, resources)
        for other in self.alive():
            if other.host == task.host:
                self._later(_WARNING_SECONDS if warned else 0.0, f"{_named(other)} loses its host", other, "LOST")

    def no_capacity(self, reason: str = NO_CAPACITY) -> None:
        """No task finds a place until `capacity_back`."""
        self.shortage = reason

    def capacity_back(self) -> None:
        """There is room again."""
        self.shortage = ""
        for thing in self.waiting:
            if isinstance(thing, Step) and thing.task is None:
                thing.due, thing.background = self.now(), False

    def heal(self) -> None:
        """There is room again, and no engine is doomed that has not begun."""
        self.dooms.clear()
        self.capacity_back()

    def doom(self, part_of_service: str, code: str, times: int = 1) -> None:
        """The next engines of such a service fail with this code: `image-pull-failed` before they run, anything else after."""
        self.dooms += [(part_of_service, code)] * times

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def happen(self, thing: Thing) -> str:
        """One step."""
        assert isinstance(thing, Step)
        self._remember()
        if thing.task is None:
            return self._place(self.services[thing.service])
        if thing.to == "LOST":
            self._ends(thing.task, "SpotInterruption", f"Host EC2 (instance {thing.task.host}) terminated.", None)
            return "lost"
        return self._step(thing.task, thing.to)

    def copy(self, thing: Thing) -> Thing:
        """Tasks live once; it is their events that come twice."""
        assert isinstance(thing, Step)
        return Step(thing.kind, thing.what, thing.due, self, background=True, service=thing.service, task=thing.task, to="")

    def _place(self, service: Service) -> str:
        if service.status != "ACTIVE" or len(self._wanted(service)) >= service.desired or service.given_up:
            return "not needed"
        if self.shortage:
            service.says(self._id(8), self.shortage, self.now())
            self._service_action(service, "SERVICE_TASK_PLACEMENT_FAILURE", "ERROR", self.shortage)
            self._seek(service, PLACEMENT_RETRY, background=True)
            return "no place"
        provider = service.given.get("capacityProviderStrategy", [{"capacityProvider": "FARGATE"}])[0]["capacityProvider"]
        self._numbers += 1
        host = "" if provider.startswith("FARGATE") else f"i-{self._numbers:017x}"
        address = f"10.60.{self._numbers // 250 % 250}.{self._numbers % 250 + 4}"
        loads = self._chance.uniform(*self.pace.load)
        task = Task(self._id(32), service.name, service.definition, address, host, loads, self._fate(service))
        self.tasks[task.task_id] = task
        self._tell(task)
        self._later(self._chance.uniform(*self.pace.provision), f"{_named(task)} becomes PENDING", task, "PENDING")
        return f"{_named(task)} placed"

    def _step(self, task: Task, to: str) -> str:
        if not to or task.last == STOPPED or (to in {"PENDING", "RUNNING"} and task.desired == STOPPED):
            return "nothing"
        if to == "RUNNING" and task.fate == "image-pull-failed":
            why = "CannotPullContainerError: pull image manifest has been retried 5 time(s): not found"
            self._ends(task, "TaskFailedToStart", why, None)
            return "failed to start"
        if to == "FATE":
            self.fail(task, task.fate)
            return task.fate
        task.last, task.version = to, task.version + 1
        service = self.services[task.service]
        if to == "PENDING":
            self._later(self._chance.uniform(*self.pace.start), f"{_named(task)} becomes RUNNING", task, "RUNNING")
        elif to == "RUNNING":
            task.started, service.failures = self.now(), 0
            if task.fate:
                self._later(task.loads_for, f"{_named(task)} fails: {task.fate}", task, "FATE")
        elif to == STOPPED:
            task.stopped = self.now()
            self._died(service, task)
        self._tell(task)
        self._settle(service)
        return to

    def _ends(self, task: Task, code: str, reason: str, exit_code: int | None, container_reason: str = "") -> None:
        """The task is on its way out."""
        if task.last in {STOPPED, *ENDING}:
            return
        task.stop_code, task.reason, task.exit_code, task.container_reason = code, reason, exit_code, container_reason
        task.desired, task.last, task.version = STOPPED, "DEPROVISIONING" if task.started is None else "STOPPING", task.version + 1
        self._tell(task)
        self._later(self._chance.uniform(*self.pace.stop), f"{_named(task)} becomes STOPPED", task, STOPPED)
        self._reconcile(self.services[task.service])

    def _died(self, service: Service, task: Task) -> None:
        """ECS counts starts that failed, and gives up after some."""
        if task.started is None and task.stop_code == "TaskFailedToStart":
            service.failures += 1
            if service.failures >= max(BREAKER, service.desired // 2) and not service.given_up:
                service.given_up = True
                detail = {"eventType": "ERROR", "eventName": "SERVICE_DEPLOYMENT_FAILED", "deploymentId": "ecs-svc/0123456789012345678"}
                more = {"updatedAt": moment(self.now()), "reason": "ECS deployment circuit breaker: task failed to start."}
                self._put("aws.ecs", "ECS Deployment State Change", detail | more, (service_arn(service.name),))

    def _reconcile(self, service: Service) -> None:
        """As many tasks as are wanted."""
        wanted = self._wanted(service)
        sought = sum(1 for thing in self.waiting if isinstance(thing, Step) and thing.task is None and thing.service == service.name)
        for _ in range(service.desired - len(wanted) - sought):
            pause = self._chance.uniform(*self.pace.place) * 2**service.failures
            self._seek(service, pause, background=False)
        for task in reversed(wanted[service.desired :]):
            self._ends(task, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/0123456789012345678)", 143)

    def _settle(self, service: Service) -> None:
        """Say that all is as wanted; let a drained service go."""
        tasks = [task for task in self.tasks.values() if task.service == service.name]
        if service.status == "DRAINING" and all(task.last in {STOPPED, "STOPPING", "DEPROVISIONING"} for task in tasks):
            service.status = "INACTIVE"
        running = sum(task.last == "RUNNING" and task.desired == "RUNNING" for task in tasks)
        if service.status == "ACTIVE" and service.desired and running == service.desired and not service.steady:
            service.steady = True
            service.says(self._id(8), "has reached a steady state.", self.now())
            self._service_action(service, "SERVICE_STEADY_STATE", "INFO", "")

    # ── small things ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wanted(self, service: Service) -> list[Task]:
        return [task for task in self.tasks.values() if task.service == service.name and task.desired == "RUNNING" and task.last != STOPPED]

    def _seek(self, service: Service, seconds: float, *, background: bool) -> None:
        what = f"ECS places a task of {service.name}"
        self.waiting.append(Step("ecs", what, self.now() + seconds, self, background=background, service=service.name))

    def _later(self, seconds: float, what: str, task: Task, to: str) -> None:
        self.waiting.append(Step("ecs", what, self.now() + seconds, self, service=task.service, task=task, to=to))

    def _fate(self, service: Service) -> str:
        for number, (part, code) in enumerate(self.dooms):
            if part in service.name:
                del self.dooms[number]
                return code
        return ""

    def _tell(self, task: Task) -> None:
        self._put("aws.ecs", "ECS Task State Change", task.view(), (task.view()["taskArn"],))

    def _service_action(self, service: Service, name: str, level: str, reason: str) -> None:
        detail: dict[str, Any] = {"eventType": level, "eventName": name, "clusterArn": CLUSTER, "createdAt": moment(self.now())}
        if reason:
            provider = f"arn:aws:ecs:{REGION}:{ACCOUNT}:capacity-provider/gpus"
            detail |= {"reason": f"(service {service.name}) {reason}", "capacityProviderArns": [provider]}
        self._put("aws.ecs", "ECS Service Action", detail, (service_arn(service.name),))

    def _id(self, digits: int) -> str:
        return f"{self._chance.getrandbits(digits * 4):0{digits}x}"

    def _remember(self) -> None:
        self._earlier = self.picture()


def _named(task: Task) -> str:
    return f"task {task.task_id[:8]} of {task.service}"
