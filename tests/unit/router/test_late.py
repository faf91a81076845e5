"""LiteLLM comes with the first model of a third party, and not before."""

import asyncio
import io
import threading
from typing import Any

import pytest

from contracts.routing import route_of
from router.choosing.memory import PlainCooldowns
from router.late import Late
from router.log import Log
from router.routes import Prepared, prepare
from tests.unit.router.fakes import route


def _routes(*, provider: bool) -> dict[str, Prepared]:
    change: dict[str, Any] = {"hosting": "provider", "provider": {"name": "openai", "model": "gpt-4o-mini"}} if provider else {}
    return {"tiny": prepare(route_of(route(targets=[], **change)))}


class _Memory(PlainCooldowns):
    def __init__(self) -> None:
        self.ejected: list[str] = []

    def eject(self, key: str, seconds: float) -> None:
        self.ejected.append(key)


def test_it_is_loaded_with_the_first_model_of_a_third_party_beside_the_requests() -> None:
    """Until then cooldowns are remembered by nobody beside us; afterwards by what was loaded."""
    memory, go = _Memory(), threading.Event()
    threads: list[str] = []

    def load() -> _Memory:
        threads.append(threading.current_thread().name)
        assert go.wait(10)
        return memory

    async def scenario() -> None:
        late = Late(load, Log(io.BytesIO()))
        late.synchronise(_routes(provider=False))
        assert late.settled
        late.eject("tiny/a", 1.0)
        late.synchronise(_routes(provider=True))
        late.synchronise(_routes(provider=True))
        assert not late.settled
        waiting = [asyncio.create_task(late.loaded()) for _ in range(3)]
        go.set()
        await asyncio.gather(*waiting)
        assert late.settled
        late.eject("tiny/b", 1.0)
        late.restore("tiny/b")
        late.keep(["tiny/b"])
        assert list(late.cooling()) == []

    asyncio.run(scenario())
    assert memory.ejected == ["tiny/b"]
    assert len(threads) == 1
    assert threads[0] != threading.main_thread().name


def test_a_failure_is_told_and_tried_again_by_the_next_who_asks() -> None:
    """A request of a third party's model is refused, and no other."""
    out, tries = io.BytesIO(), iter((ImportError("broken"), None))

    def load() -> PlainCooldowns:
        error = next(tries)
        if error is not None:
            raise error
        return PlainCooldowns()

    async def scenario() -> None:
        late = Late(load, Log(out))
        with pytest.raises(ImportError):
            await late.loaded()
        assert late.settled
        await late.loaded()
        await late.loaded()

    asyncio.run(scenario())
    assert b"LiteLLM was not loaded" in out.getvalue()
    assert b"broken" not in out.getvalue()
