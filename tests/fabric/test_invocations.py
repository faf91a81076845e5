"""Each rule by which Lambda carries out asynchronous invocations, as AWS documents it. Names of pages are those of docs.aws.amazon.com."""

from typing import Any

from tests.fabric.deliveries import BROKEN, REACTION, World
from tests.fabric.delivery.agenda import Outcome
from tests.fabric.delivery.invocations import Invocations
from tests.fabric.topology import topology


def test_a_function_that_fails_is_run_twice_more_and_then_its_destination_is_told() -> None:
    """invocation-async-error-handling.html: a minute before the second attempt, two before the third; then the on-failure destination."""
    moments = []

    def behaves(_: str, __: Any) -> Outcome:
        moments.append(world.clock.seconds)
        return BROKEN

    world = World(behaves)
    invocations = Invocations(world.ground(), topology())
    invocations.accept(REACTION, {"a": 1}, "x")
    world.exhaust(invocations.things)
    assert moments == [0.0, 60.0, 180.0]
    ((queue, whence, told),) = world.dead
    assert (queue, whence) == ("ServingDeadLetters", REACTION)
    assert told["requestPayload"] == {"a": 1}
    assert told["requestContext"] == {"condition": "RetriesExhausted", "approximateInvokeCount": 3, "functionArn": REACTION}
    assert told["responsePayload"]["errorType"] == "Transient"


def test_an_event_may_be_run_twice_although_nothing_failed() -> None:
    """invocation-async.html: the queue is eventually consistent; an event may be handed over more than once."""
    world = World()
    invocations = Invocations(world.ground(), topology())
    invocations.duplicate(invocations.accept(REACTION, {}, "x"))
    world.exhaust(invocations.things)
    assert len(world.runs) == 2


def test_an_event_that_has_grown_too_old_is_given_up() -> None:
    """invocation-async-error-handling.html, MaximumEventAge: no further attempt after it, and the destination is told why."""
    world = World(lambda *_: BROKEN)
    invocations = Invocations(world.ground(), topology())
    invocations.accept(REACTION, {}, "x")
    invocations.waiting[0].due = 3590.0
    world.exhaust(invocations.things)
    assert len(world.runs) == 1
    assert world.dead[0][2]["requestContext"]["condition"] == "EventAgeExceeded"
