"""Following the bus: a queue of our own behind a rule that matches everything Slipway says, and one readable line an event."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from rich.text import Text

from local import cloud
from local.containers.container import born
from local.settings import Settings

CONTEXT_PREFIX = "slipway."
FOLLOWERS = ("tail", "up")
SHORT_ID = 6
# What follows from each event, in the words of the people who wait for it.
CONSEQUENCES = {
    "ModelRequested": "the manifest is read, the provisioning machine starts",
    "ModelUpdated": "the change is carried out",
    "ModelVersionPublished": "the version is written down for ever",
    "ModelVersionValidated": "the engine is launched",
    "ModelVersionRejected": "the operation fails",
    "CapacityChanged": "the route table takes over the model's tasks",
    "RouteChanged": "routers apply the difference",
    "RouteHealthObserved": "the route and the model's conditions follow",
    "LoadObserved": "the number of copies is weighed",
    "ModelWakeRequested": "the sleeping model is started",
    "ModelStopRequested": "the route closes or sleeps, the engines are drained",
    "ModelInService": "requests are answered",
    "ModelStopped": "nothing runs any more",
    "ModelFailed": "the route is closed, what was built is removed",
    "ModelDeletionRequested": "the route closes, the engines are drained and removed",
    "ModelDeleted": "the route is dropped",
    "TokenIssued": "routers know the token",
    "TokenRevoked": "routers refuse the token",
}


@dataclass(frozen=True)
class Said:
    """One event: its time of day, type, subject (a model or a token), what it says, and what caused it."""

    identifier: str
    at: datetime
    kind: str
    model: str
    detail: str
    causation: str | None

    @classmethod
    def parse(cls, event: dict[str, Any]) -> "Said":
        """From the bus's envelope."""
        metadata, data = event["detail"]["metadata"], event["detail"]["data"]
        return cls(
            identifier=metadata["id"],
            at=datetime.fromisoformat(metadata["occurred_at"]),
            kind=event["detail-type"],
            model=str(data.get("model_id") or data.get("name") or "-"),
            detail=_detail(event["detail-type"], data),
            causation=metadata.get("causation_id"),
        )


def _detail(kind: str, data: dict[str, Any]) -> str:
    """What is new in an event, in a few words."""
    if kind == "RouteChanged":
        route = data.get("route") or {}
        targets = [f"{target.get('target_id', '')[:SHORT_ID]} {target.get('status')}" for target in route.get("targets") or []]
        return f"route {route.get('state', 'gone')}" + (f" ({', '.join(targets)})" if targets else "")
    if kind == "RouteHealthObserved":
        progress = f" {data['progress']:.0%}" if data.get("progress") is not None else ""
        return f"{data['observed']} {data.get('phase', '')}{progress}".strip()
    if kind == "LoadObserved":
        return f"{data.get('in_flight', '?')} in flight, {data.get('queued', 0)} held"
    if kind == "CapacityChanged":
        return f"running {data.get('running', '?')} of {data.get('desired', '?')}"
    if data.get("failure"):
        return f"{data['failure'].get('code', '')}: {data['failure'].get('message', '')}"
    return ""


def render(said: Said, causes: dict[str, str], started: float | None = None) -> Text:
    """The line: time, type, model, what it says and causes, whose consequence it is, seconds since the start."""
    line = Text()
    line.append(f"{said.at.astimezone():%H:%M:%S}.{said.at.microsecond // 1000:03d}  ", style="dim")
    failed = said.kind in {"ModelFailed", "ModelVersionRejected"}
    line.append(f"{said.kind:22} ", style="red" if failed else "bold cyan")
    line.append(f"{said.model:16} ")
    line.append(f"{said.detail:40} " if said.detail else "")
    line.append(f"→ {CONSEQUENCES.get(said.kind, 'heard by whoever subscribes')}", style="green")
    cause = causes.get(said.causation or "")
    line.append(f"  (from {cause})" if cause else "", style="dim")
    line.append(f"  +{time.time() - started:.2f} s" if started else "", style="dim")
    return line


def interrupt_once(*numbers: signal.Signals) -> None:
    """Let the first of these signals interrupt the program as Ctrl-C does, so that it leaves nothing behind, and ignore those that follow.

    `make` passes on a signal that the program has got already, and the second would interrupt the tidying up.
    """

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)


class Subscription:
    """A queue behind a rule on the bus; made on entering, removed on leaving. Both bear the name of the process that follows."""

    def __init__(self, settings: Settings, bus: str, follower: str) -> None:
        self._sqs, self._events = cloud.client(settings, "sqs"), cloud.client(settings, "events")
        self._bus, self._name = bus, f"{follower}-{os.getpid()}-{born(os.getpid())}"
        self._url = ""
        self.causes: dict[str, str] = {}

    def __enter__(self) -> "Subscription":
        self._url = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
        )
        pattern = {"source": [{"prefix": CONTEXT_PREFIX}]}
        self._events.put_rule(Name=self._name, EventBusName=self._bus, EventPattern=json.dumps(pattern))
        self._events.put_targets(Rule=self._name, EventBusName=self._bus, Targets=[{"Id": "queue", "Arn": arn}])
        return self

    def __exit__(self, *_: object) -> None:
        remove(self._sqs, self._events, self._bus, self._name)

    def events(self, wait_seconds: int = 1) -> Iterator[Said]:
        """The events that have come since, waiting up to `wait_seconds` for the first."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
        messages = answer.get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        said = sorted((Said.parse(json.loads(message["Body"])) for message in messages), key=lambda event: event.at)
        for event in said:
            self.causes[event.identifier] = event.kind
            yield event


def remove_abandoned(settings: Settings, bus: str) -> list[str]:
    """Remove the subscriptions of programs that were killed before they could; the names removed. Nobody else ever empties their queues."""
    sqs, events = cloud.client(settings, "sqs"), cloud.client(settings, "events")
    names: set[str] = set()
    for follower in FOLLOWERS:
        names |= {rule["Name"] for rule in events.list_rules(EventBusName=bus, NamePrefix=f"{follower}-")["Rules"]}
        names |= {url.rsplit("/", 1)[-1] for url in sqs.list_queues(QueueNamePrefix=f"{follower}-").get("QueueUrls", [])}
    abandoned = sorted(name for name in names if is_abandoned(name))
    for name in abandoned:
        remove(sqs, events, bus, name)
    return abandoned


def is_abandoned(name: str) -> bool:
    """Whether the process that a subscription is named after runs no more."""
    _, _, process = name.partition("-")
    pid, _, birth = process.partition("-")
    return not (birth and pid.isdigit() and born(int(pid)) == birth)


def remove(sqs: Any, events: Any, bus: str, name: str) -> None:
    """Remove a subscription, or what there is of it."""
    with contextlib.suppress(ClientError):
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    with contextlib.suppress(ClientError):
        events.delete_rule(Name=name, EventBusName=bus)
    with contextlib.suppress(ClientError):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
