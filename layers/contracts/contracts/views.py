"""Whole answers of the management API, for its OpenAPI document and for those who check or read answers.

Apart from `contracts.responses` because no function needs them and building them would be paid for at every cold start.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from contracts.access import Token
from contracts.artifact import ManifestFile
from contracts.audit import AuditEntry
from contracts.common import Contract, Failure, ModelId, Semver, Sha256, Ulid
from contracts.model import Capacity, HostedModel, ProviderModel, Schedule
from contracts.responses import NextAction, ObservedState, TimelineEntry
from contracts.users import ModelUser


class ObservedCapacity(Capacity):
    """The capacity asked for, and how many tasks run. `wanted` is what the load asks for between `min` and `max`; 0 while stopped."""

    running: int = Field(ge=0)
    wanted: int = Field(default=0, ge=0)


class ReadHostedModel(HostedModel, ObservedState):
    """A hosted model as it is read back: the wish, and what became of it."""

    capacity: ObservedCapacity


class ReadProviderModel(ProviderModel, ObservedState):
    """A provider's model as it is read back."""


ReadModel = Annotated[ReadHostedModel | ReadProviderModel, Field(discriminator="hosting")]
READ_MODEL: TypeAdapter[ReadHostedModel | ReadProviderModel] = TypeAdapter(ReadModel)
"""Validates what `GET /models/{id}` answers."""


class ModelList(Contract):
    """One page of models; `next_token` is null on the last."""

    items: list[ReadModel]
    next_token: str | None


class ScheduleState(Contract):
    """A model's schedule and how it stands. `overridden_until`: so long holds what a person did against it; null = nothing does."""

    model_id: ModelId
    generation: int = Field(ge=1)
    schedule: Schedule
    in_window: bool
    next_action: NextAction | None
    overridden_until: str | None


class Timeline(Contract):
    """One page of a model's ledger; `next_token` is null on the last."""

    items: list[TimelineEntry]
    next_token: str | None


class IssuedToken(Token):
    """A new token, shown this once."""

    token: str = Field(pattern=r"^slp_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$")


class TokenList(Contract):
    """One page of tokens, without the tokens themselves; `next_token` is null on the last."""

    items: list[Token]
    next_token: str | None


class ModelVersion(Contract):
    """An immutable version of a model and the evidence that it may be served."""

    model_id: ModelId
    version: Semver
    status: Literal["published", "validated", "rejected"]
    manifest_sha256: Sha256
    artifact_uri: str
    format: str = ""
    license: str = ""
    size_bytes: int = Field(default=0, ge=0)
    files: list[ManifestFile] = Field(default_factory=list)
    checks: list[str] = Field(default_factory=list)
    failure: Failure | None = None
    created_by: str
    created_at: str


class VersionList(Contract):
    """One page of versions; `next_token` is null on the last."""

    items: list[ModelVersion]
    next_token: str | None


class AuditPage(Contract):
    """One page of the audit; `next_token` is null on the last, and only there. As NDJSON: one entry a line, the token in `x-next-token`."""

    items: list[AuditEntry]
    next_token: str | None


class ProblemField(Contract):
    """One refused field: its dotted path, a stable code, a sentence."""

    path: str
    code: str
    message: str


class BlastRadius(Contract):
    """What a change that replaces containers means for those who use the model now. Seconds, USD; null where nothing is known."""

    fields: list[str]
    strategy: str
    surge_fits: bool
    surge: str
    requests_in_flight: int | None
    expected_downtime_seconds: float | None
    copies: int
    gpus_now: int
    gpus_meanwhile: int
    usd_per_hour_now: float | None
    usd_per_hour_meanwhile: float | None
    usd_per_hour_after: float | None


class Problem(Contract):
    """An RFC 9457 problem document. `code` is stable; `instance` is the request id.

    `operation` and `links` come with `operation-in-progress`, `acknowledge` and `blast_radius` with `restart-acknowledgement-required`,
    `users` with `model-in-use`.
    """

    type: str = Field(pattern=r"^urn:slipway:problem:[a-z0-9-]+$")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    instance: str
    hint: str | None = None
    errors: list[ProblemField] | None = None
    operation: Ulid | None = None
    links: dict[str, str] | None = None
    acknowledge: str | None = None
    blast_radius: BlastRadius | None = None
    users: list[ModelUser] | None = None
