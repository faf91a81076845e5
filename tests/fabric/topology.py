"""How the stack is wired, read from template.yaml: functions and their asynchronous retries, rules and targets, queues, mappings, sweeps.

Nothing is listed by hand: what the template does not connect is not connected here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

from scripts.template import ROOT, target_of
from tests.architecture.reading import Function, functions, machines, of_type
from tests.fabric import asl
from tests.fabric.delivery.patterns import Meets, matcher
from tests.fabric.intrinsics import arn_of, name_of, resolve

DEFAULT_BUS = "default"
_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_UNIT = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True)
class Retries:
    """How often a delivery is tried again, for how long, and which queue has it then (logical id; empty = it is lost)."""

    attempts: int
    age_seconds: float
    dead_letters: str


@dataclass(frozen=True)
class Target:
    """Where a rule sends its events."""

    kind: Literal["queue", "function"]
    name: str
    retries: Retries


@dataclass(frozen=True)
class Rule:
    """Events of `bus` that match `pattern` go to every target."""

    name: str
    bus: str
    pattern: Mapping[str, Any]
    targets: tuple[Target, ...]

    @cached_property
    def meets(self) -> Meets:
        """Whether an event is one of them."""
        return matcher(self.pattern)

    @cached_property
    def head(self) -> Meets:
        """Whether events of this source and type can be among them."""
        return matcher({name: self.pattern[name] for name in ("source", "detail-type") if name in self.pattern})


@dataclass(frozen=True)
class Queue:
    """One SQS queue, by logical id. Times in seconds; `receives` 0 = no redrive."""

    name: str
    visibility: float
    retention: float
    dead_letters: str
    receives: int


@dataclass(frozen=True)
class QueueMapping:
    """A function that takes a queue's messages. `partial`: it answers which of them failed. `concurrency` 0 = without limit."""

    function: str
    queue: str
    batch: int
    concurrency: int
    partial: bool


@dataclass(frozen=True)
class StreamMapping:
    """A function that follows a table's stream."""

    function: str
    table: str
    batch: int
    attempts: int
    bisects: bool
    partial: bool
    dead_letters: str
    filters: tuple[Mapping[str, Any], ...]

    @cached_property
    def meets(self) -> tuple[Meets, ...]:
        """Whether a record is wanted: by one of the filters."""
        return tuple(matcher(one) for one in self.filters)


@dataclass(frozen=True)
class Lambda:
    """One function, by logical id."""

    name: str
    context: str
    folder: str
    timeout: float
    asynchronous: Retries
    route: tuple[str, str] | None
    authorised: bool

    @property
    def module(self) -> str:
        """Where its handler is."""
        return f"functions.{self.context}.{self.folder}.handler"


@dataclass(frozen=True)
class Sweep:
    """A function that is called again and again."""

    function: str
    every_seconds: float
    retries: Retries


@dataclass(frozen=True)
class Topology:
    """The whole stack."""

    functions: Mapping[str, Lambda]
    rules: tuple[Rule, ...]
    queues: Mapping[str, Queue]
    queue_mappings: Mapping[str, QueueMapping]
    stream_mappings: Mapping[str, StreamMapping]
    sweeps: tuple[Sweep, ...]
    tables: tuple[str, ...]
    bus: str
    machines: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, str]

    def rules_of(self, bus: str, source: str, detail_type: str) -> tuple[Rule, ...]:
        """The rules of a bus that events of this kind can meet, in the order of all of them."""
        key = bus, source, detail_type
        if key not in self._rules_of:
            head = {"source": source, "detail-type": detail_type}
            self._rules_of[key] = tuple(rule for rule in self.rules if rule.bus == bus and rule.head(head))
        return self._rules_of[key]

    @cached_property
    def _rules_of(self) -> dict[tuple[str, str, str], tuple[Rule, ...]]:
        return {}

    def function(self, folder: str) -> Lambda:
        """The one function with this folder; KeyError where none or several have it (then say `context/folder`)."""
        found = self.by_folder.get(folder, ())
        if len(found) != 1:
            raise KeyError(folder)
        return found[0]

    @cached_property
    def by_folder(self) -> Mapping[str, list[Lambda]]:
        """Functions by folder, and by context and folder."""
        found: dict[str, list[Lambda]] = {}
        for one in self.functions.values():
            for name in (one.folder, f"{one.context}/{one.folder}"):
                found.setdefault(name, []).append(one)
        return found


@cache
def topology() -> Topology:
    """The stack of template.yaml."""
    return Topology(
        functions={one.logical_id: _lambda(one) for one in functions()},
        rules=(*_sam_rules(), *_plain_rules()),
        queues={name: _queue(name, item) for name, item in of_type("AWS::SQS::Queue").items()},
        queue_mappings={m.queue: m for m in _mappings() if isinstance(m, QueueMapping)},
        stream_mappings={m.table: m for m in _mappings() if isinstance(m, StreamMapping)},
        sweeps=tuple(_sweeps()),
        tables=tuple(of_type("AWS::DynamoDB::Table")),
        bus=name_of("Bus"),
        machines={name_of(logical_id): _machine(properties) for logical_id, properties in machines().items()},
        environment=_environment(),
    )


def _lambda(one: Function) -> Lambda:
    policy = one.properties.get("EventInvokeConfig", {})
    failed = policy.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    # Lambda's own defaults: two more attempts within six hours, then the event is lost.
    retries = Retries(policy.get("MaximumRetryAttempts", 2), policy.get("MaximumEventAgeInSeconds", 21_600), target_of(failed) or "")
    route, authorised = None, True
    for event in one.events.values():
        if event["Type"] == "HttpApi":
            route = (event["Properties"]["Method"].upper(), event["Properties"]["Path"])
            authorised = event["Properties"].get("Auth", {}).get("Authorizer") != "NONE"
    return Lambda(one.logical_id, one.context, one.name, one.timeout, retries, route, authorised)


def _retries(properties: Mapping[str, Any]) -> Retries:
    """Of a rule's target or a schedule; EventBridge's defaults are 185 attempts within 24 hours."""
    policy = properties.get("RetryPolicy", {})
    dead = properties.get("DeadLetterConfig", {}).get("Arn")
    return Retries(policy.get("MaximumRetryAttempts", 185), policy.get("MaximumEventAgeInSeconds", 86_400), target_of(dead) or "")


def _sam_rules() -> list[Rule]:
    found = []
    for one in functions():
        for name, event in one.events.items():
            if event["Type"] == "EventBridgeRule":
                given = event["Properties"]
                target = Target("function", one.logical_id, _retries(given))
                found.append(Rule(one.logical_id + name, _bus(given), resolve(given["Pattern"]), (target,)))
    return found


def _plain_rules() -> list[Rule]:
    found = []
    for name, given in of_type("AWS::Events::Rule").items():
        targets = []
        for item in given["Targets"]:
            logical_id = str(target_of(item["Arn"]))
            kind: Literal["queue", "function"] = "queue" if logical_id in of_type("AWS::SQS::Queue") else "function"
            targets.append(Target(kind, logical_id, _retries(item)))
        found.append(Rule(name, _bus(given), resolve(given["EventPattern"]), tuple(targets)))
    return found


def _bus(given: Mapping[str, Any]) -> str:
    return str(resolve(given["EventBusName"])) if "EventBusName" in given else DEFAULT_BUS


def _queue(name: str, given: Mapping[str, Any]) -> Queue:
    redrive = given.get("RedrivePolicy", {})
    dead = target_of(redrive.get("deadLetterTargetArn")) or ""
    retention = given.get("MessageRetentionPeriod", 345_600)
    return Queue(name, given.get("VisibilityTimeout", 30), retention, dead, redrive.get("maxReceiveCount", 0))


def _mappings() -> list[QueueMapping | StreamMapping]:
    found: list[QueueMapping | StreamMapping] = []
    for given in of_type("AWS::Lambda::EventSourceMapping").values():
        source, function = str(target_of(given["EventSourceArn"])), str(target_of(given["FunctionName"]))
        partial = "ReportBatchItemFailures" in given.get("FunctionResponseTypes", ())
        if "StartingPosition" in given:
            dead = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            filters = tuple(json.loads(item["Pattern"]) for item in given.get("FilterCriteria", {}).get("Filters", ()))
            attempts, bisects = given.get("MaximumRetryAttempts", -1), given.get("BisectBatchOnFunctionError", False)
            found.append(
                StreamMapping(function, source, given.get("BatchSize", 100), attempts, bisects, partial, target_of(dead) or "", filters)
            )
        else:
            most = given.get("ScalingConfig", {}).get("MaximumConcurrency", 0)
            found.append(QueueMapping(function, source, given.get("BatchSize", 10), most, partial))
    return found


def _sweeps() -> list[Sweep]:
    found = []
    for one in functions():
        for event in one.events.values():
            if event["Type"] == "ScheduleV2":
                match = _RATE.fullmatch(event["Properties"]["ScheduleExpression"])
                if match is None:
                    message = f"{one.logical_id}: {event['Properties']['ScheduleExpression']} is not read"
                    raise ValueError(message)
                every = int(match[1]) * _UNIT[match[2].rstrip("s")]
                found.append(Sweep(one.logical_id, every, _retries(event["Properties"])))
    return found


def _machine(given: Mapping[str, Any]) -> Mapping[str, Any]:
    substitutions = {name: str(resolve(value)) for name, value in given["DefinitionSubstitutions"].items()}
    return asl.load(ROOT / given["DefinitionUri"], substitutions)


def _environment() -> Mapping[str, str]:
    """Every function's variables in one: they are alike wherever two functions have the same, which is checked here."""
    found: dict[str, str] = {}
    for one in functions():
        for name, value in one.environment.items():
            given = str(resolve(value))
            if found.setdefault(name, given) != given:
                message = f"{one.logical_id}: {name} is {given}, and {found[name]} elsewhere"
                raise ValueError(message)
    return found | {
        "ENVIRONMENT": str(resolve({"Ref": "Environment"})),
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }


def function_of(arn: str) -> str:
    """The logical id of the function with this ARN."""
    return _by_arn()[arn]


@cache
def _by_arn() -> Mapping[str, str]:
    return {arn_of(one.logical_id): one.logical_id for one in functions()}
