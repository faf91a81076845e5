"""Lambda's asynchronous invocations: a queue of the service's own, two more attempts, then the on-failure destination."""

from dataclasses import dataclass
from typing import Any

from tests.fabric.delivery.agenda import Ground, Outcome, Thing, Waiting
from tests.fabric.topology import Topology

PAUSES = (60.0, 120.0)
"""Seconds before the second and the third attempt, where the function itself has failed."""


@dataclass(eq=False)
class Invocation(Thing):
    """One event on its way into one function."""

    function: str = ""
    payload: Any = None
    born: float = 0.0
    attempts: int = 0


class Invocations(Waiting):
    """Events that Lambda has accepted and not yet got through."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        super().__init__()
        self._ground, self._topology = ground, topology

    def accept(self, function: str, payload: Any, about: str) -> Thing:
        """What `Invoke` with InvocationType Event does: answer at once, run later."""
        now = self._ground.clock.seconds
        thing = Invocation("invocation", f"{function} <- {about}", now, self, function=function, payload=payload, born=now)
        self.waiting.append(thing)
        return thing

    def happen(self, thing: Thing) -> str:
        """One attempt."""
        assert isinstance(thing, Invocation)
        last = thing.attempts >= self._topology.functions[thing.function].asynchronous.attempts
        outcome = self._ground.invoke(thing.function, thing.payload, last=last)
        if not outcome.fine:
            self._failed(thing, outcome)
        return str(outcome)

    def copy(self, thing: Thing) -> Thing:
        """Lambda may run an event twice, even where the function has not failed."""
        assert isinstance(thing, Invocation)
        return Invocation("invocation", thing.what, thing.due, self, function=thing.function, payload=thing.payload, born=thing.born)

    def _failed(self, thing: Invocation, outcome: Outcome) -> None:
        policy = self._topology.functions[thing.function].asynchronous
        thing.attempts += 1
        now = self._ground.clock.seconds
        due = now + PAUSES[min(thing.attempts, len(PAUSES)) - 1]
        if thing.attempts <= policy.attempts and due - thing.born <= policy.age_seconds:
            thing.due = due
            self.waiting.append(thing)
            return
        why = "RetriesExhausted" if thing.attempts > policy.attempts else "EventAgeExceeded"
        told = {
            "version": "1.0",
            "requestContext": {"condition": why, "approximateInvokeCount": thing.attempts, "functionArn": thing.function},
            "requestPayload": thing.payload,
            "responsePayload": {"errorType": outcome.error, "errorMessage": outcome.message},
        }
        self._ground.dead(policy.dead_letters, thing.function, told)
