"""EventBridge, Classic: every rule that matches, every target of it, at least once; retried with back-off, then its dead letters."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT, REGION
from tests.fabric.aws.errors import NotFaked, refusal
from tests.fabric.clock import moment
from tests.fabric.delivery.agenda import Ground, Thing, Waiting
from tests.fabric.topology import DEFAULT_BUS, Target, Topology
from tests.fabric.wire import copied

BACK_OFF, LONGEST = 1.0, 600.0
"""Seconds before the second attempt, doubled each time up to the longest (AWS says: exponential, with jitter)."""
BATCH, REQUEST_BYTES = 10, 1_048_576


@dataclass(eq=False)
class Delivery(Thing):
    """One event on its way to one target."""

    target: Target | None = None
    event: Mapping[str, Any] = field(default_factory=dict)
    born: float = 0.0
    attempts: int = 0
    refused: int = 0
    """How many attempts more the target refuses."""


class Bus(Waiting):
    """Every bus of the account, and the service's API. `hand` gives an event to a target."""

    def __init__(self, ground: Ground, topology: Topology, hand: Callable[[Target, dict[str, Any], str], None]) -> None:
        super().__init__()
        self._ground, self._topology, self._hand = ground, topology, hand
        self.seen: list[Mapping[str, Any]] = []
        """Every event that was put, in order."""

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """PutEvents."""
        if operation != "PutEvents":
            raise NotFaked(operation)
        entries = given["Entries"]
        if not 0 < len(entries) <= BATCH:
            raise refusal(operation, "ValidationException", "Member must have length less than or equal to 10")
        answers = [self._entry(entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}

    def _entry(self, entry: Mapping[str, Any]) -> dict[str, str]:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return {
                    "ErrorCode": "InvalidArgument",
                    "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
                }
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        return {"EventId": self.put(entry.get("EventBusName", DEFAULT_BUS), entry["Source"], entry["DetailType"], detail)}

    def put(self, bus: str, source: str, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...] = ()) -> str:
        """Let an event match; its id, which is another each time it is put. A bus that is not there swallows it, as EventBridge does."""
        bits = self._ground.chance.getrandbits(128)
        text = f"{bits:032x}"
        identity = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        event = {
            "version": "0",
            "id": identity,
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": moment(self._ground.clock.seconds),
            "region": REGION,
            "resources": list(resources),
            "detail": detail,
        }
        self.seen.append(event)
        self.match(bus, event)
        return identity

    def match(self, bus: str, event: Mapping[str, Any]) -> None:
        """Send an event to the targets of every rule that it meets."""
        now = self._ground.clock.seconds
        about = described(event)
        for rule in self._topology.rules_of(bus, event["source"], event["detail-type"]):
            if rule.meets(event):
                for target in rule.targets:
                    self.waiting.append(Delivery("bus", f"{target.name} <- {about}", now, self, target=target, event=event, born=now))

    def happen(self, thing: Thing) -> str:
        """One attempt."""
        assert isinstance(thing, Delivery)
        assert thing.target is not None
        thing.attempts += 1
        if thing.refused:
            thing.refused -= 1
            return self._failed(thing, thing.target)
        self._hand(thing.target, copied(thing.event), described(thing.event))
        return "handed over"

    def copy(self, thing: Thing) -> Thing:
        """The same event once more, under the same id."""
        assert isinstance(thing, Delivery)
        return Delivery("bus", thing.what, thing.due, self, target=thing.target, event=thing.event, born=thing.born)

    def _failed(self, thing: Delivery, target: Target) -> str:
        """The target did not take it."""
        now = self._ground.clock.seconds
        pause = min(LONGEST, BACK_OFF * 2 ** (thing.attempts - 1)) * self._ground.chance.uniform(0.5, 1.0)
        if thing.attempts <= target.retries.attempts and now + pause - thing.born <= target.retries.age_seconds:
            thing.due = now + pause
            self.waiting.append(thing)
            return "refused by its target"
        self._ground.dead(target.retries.dead_letters, target.name, thing.event)
        return "given up"


def described(event: Mapping[str, Any]) -> str:
    """An event in a few words: its name, whom it is about, its end of the id."""
    detail = event["detail"]
    data = detail.get("data", detail) if isinstance(detail, Mapping) else {}
    parts = [str(event["detail-type"])]
    if "model_id" in data:
        parts.append(str(data["model_id"]))
    told = ("generation", "state", "observed", "lastStatus", "eventName", "version")
    parts += [f"{name}={data[name]}" for name in told if name in data]
    return " ".join(parts)
