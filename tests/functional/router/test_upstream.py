"""The way to an engine that does not behave."""

import asyncio

import pytest

from contracts.routing import RouteTarget
from router.routes import Target
from router.upstream import EngineClient, TargetUnreachable
from tests.functional.router.platform import target
from tests.functional.router.stubs import StubEngine


def _failure(port: int) -> TargetUnreachable:
    async def work() -> TargetUnreachable:
        place = Target("tiny/one", RouteTarget.model_validate(target(port)), f"http://127.0.0.1:{port}")
        async with EngineClient("key", 0.2) as client:
            with pytest.raises(TargetUnreachable) as raised:
                await client.send(place, "/v1/completions", b"{}", {})
        return raised.value

    return asyncio.run(work())


def test_an_engine_that_says_nothing_is_given_up() -> None:
    """After the time of silence the wait ends as a timeout, which is not tried again elsewhere."""
    with StubEngine() as engine:
        engine.silent = True
        assert _failure(engine.port).timed_out


def test_an_engine_that_is_gone_is_known_at_once() -> None:
    """A refused connection is neither a timeout nor a kept connection that broke."""
    with StubEngine() as engine:
        port = engine.port
    failure = _failure(port)
    assert (failure.timed_out, failure.reused) == (False, False)
