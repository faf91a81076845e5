"""Tells a busy engine from a frozen one: an engine that is stuck goes on saying that it is healthy."""

import asyncio
from dataclasses import dataclass
from typing import Final

from engine.adapters.base import Metrics
from engine.errors import EngineError
from engine.logs import log
from engine.metrics import total
from engine.state import State
from engine.upstream import ProbeMissedError, Upstream

MISSES_BEFORE_DEATH: Final = 3


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between looks, of silence before an idle engine is asked for a token, of that question, of silence that is death."""

    look: float = 5.0
    idle: float = 30.0
    question: float = 60.0
    death: float = 120.0


class Heartbeat:
    """Watches an engine that serves. Any byte that it sends to a client is a sign of life, so this only asks when nothing else tells."""

    def __init__(self, state: State, upstream: Upstream, metrics: Metrics, rhythm: Rhythm) -> None:
        self._state = state
        self._upstream = upstream
        self._metrics = metrics
        self._rhythm = rhythm
        self._misses = 0
        self._steps: float | None = None

    async def watch(self) -> None:
        """Watch for ever. Raises EngineError `engine-unresponsive` after a long silence and several missed probes, never after one."""
        while True:
            await asyncio.sleep(self._rhythm.look)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        silence = self._silence()
        if silence < self._rhythm.look:
            self._misses = 0
            return
        try:
            if await self._progresses():
                self._alive()
            elif not self._state.in_flight and silence >= self._rhythm.idle:
                await self._upstream.complete_once(self._rhythm.question)
                self._alive()
            elif self._state.in_flight:
                self._missed("requests make no progress")
        except ProbeMissedError as error:
            self._missed(str(error))
        except EngineError as error:
            self._missed(error.message)

    async def _progresses(self) -> bool:
        exposition = await self._upstream.metrics()
        steps, running = total(exposition, self._metrics.steps), total(exposition, self._metrics.running)
        moved = steps is not None and steps != self._steps and bool(running)
        self._steps = steps
        return moved

    def _alive(self) -> None:
        self._misses = 0
        self._state.beat()

    def _missed(self, what: str) -> None:
        self._misses += 1
        silence = self._silence()
        log.warning("no sign of life from the engine", extra={"cause": what, "misses": self._misses, "silence_seconds": round(silence, 1)})
        if self._misses >= MISSES_BEFORE_DEATH and silence >= self._rhythm.death:
            raise EngineError("engine-unresponsive", f"The engine has shown no sign of life for {silence:.0f} seconds ({what}).")

    def _silence(self) -> float:
        return self._state.monotonic() - self._state.sign_of_life
