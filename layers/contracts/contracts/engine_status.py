"""What an engine container answers at `GET /status`."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from contracts.engine import EngineKind, Phase


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EngineFailure(_Frozen):
    """Why the container failed: a code of `contracts.engine.FAILURES`, one sentence, and what to do about it."""

    code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,62}$")
    message: str = Field(max_length=1000)
    hint: str = Field(max_length=1000)


class EngineIdentity(_Frozen):
    """The engine inside the container: its kind, and its version once known."""

    kind: EngineKind
    version: str | None = None


class EngineStatus(_Frozen):
    """One look at an engine container. `progress` runs from 0 to 1 within the phase, None where it cannot be known."""

    phase: Phase
    progress: float | None = Field(default=None, ge=0, le=1)
    since: datetime
    model_id: str
    version: str
    engine: EngineIdentity
    in_flight: int = Field(ge=0)
    heartbeat_at: datetime | None = None
    failure: EngineFailure | None = None
