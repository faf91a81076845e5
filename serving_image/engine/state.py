"""What the container knows of itself: one mutable object, owned by the event loop, read by every answer about health."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.engine import Phase
from engine.errors import EngineError

_ORDER = {phase: rank for rank, phase in enumerate(Phase)}


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class State:
    """Phase, progress, requests in flight, last sign of life and failure. Only the event loop's thread may change it."""

    model_id: str = ""
    version: str = ""
    engine_kind: str = "mock"
    engine_version: str | None = None
    phase: Phase = Phase.FETCHING
    progress: float | None = None
    in_flight: int = 0
    failure: EngineError | None = None
    heartbeat_at: datetime | None = None
    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    on_phase: Callable[[Phase, float], None] | None = None
    since: datetime = field(init=False)
    sign_of_life: float = field(init=False)
    durations: dict[Phase, float] = field(default_factory=dict)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _entered: float = field(init=False)

    def __post_init__(self) -> None:
        self.since = self.now()
        self._entered = self.sign_of_life = self.monotonic()
        self.idle.set()

    def enter(self, phase: Phase, progress: float | None = None) -> None:
        """Move down to a phase; an earlier one than the present is ignored, for an engine's lines can come late."""
        if _ORDER[phase] <= _ORDER[self.phase]:
            if phase is self.phase and progress is not None:
                self.progress = max(progress, self.progress or 0.0)
            return
        instant = self.monotonic()
        spent = instant - self._entered
        self.durations[self.phase] = self.durations.get(self.phase, 0.0) + spent
        if self.on_phase is not None:
            self.on_phase(phase, spent)
        self.phase, self.progress, self._entered, self.since = phase, progress, instant, self.now()

    def fail(self, error: EngineError) -> None:
        """Settle in `failed`; the first cause is kept."""
        if self.failure is None:
            self.failure = error
            self.enter(Phase.FAILED)

    def beat(self) -> None:
        """Note that the engine has just shown that it works."""
        self.sign_of_life = self.monotonic()
        self.heartbeat_at = self.now()

    def begin_request(self) -> None:
        """Count a request in."""
        self.in_flight += 1
        self.idle.clear()

    def end_request(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self.idle.set()

    def document(self) -> dict[str, Any]:
        """Build the body of `GET /status`: `contracts.engine_status.EngineStatus` as JSON-ready values."""
        failure = self.failure
        return {
            "phase": str(self.phase),
            "progress": None if self.progress is None else round(min(max(self.progress, 0.0), 1.0), 4),
            "since": _iso(self.since),
            "model_id": self.model_id,
            "version": self.version,
            "engine": {"kind": self.engine_kind, "version": self.engine_version},
            "in_flight": self.in_flight,
            "heartbeat_at": None if self.heartbeat_at is None else _iso(self.heartbeat_at),
            "failure": None if failure is None else {"code": failure.code, "message": failure.message, "hint": failure.hint},
        }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
