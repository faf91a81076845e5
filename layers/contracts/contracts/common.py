"""What every contract has in common: closed, frozen, with a docstring and examples from which schemas and catalogue are generated."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MODEL_ID_PATTERN = r"^[a-z][a-z0-9-]{1,62}$"
SEMVER_PATTERN = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]{1,64})?$"
ULID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"
ALIAS_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
BASE32_ID_PATTERN = r"^[a-z2-7]{16}$"
"""The form of a token's public id."""
RESERVED_MODEL_IDS = frozenset({"plan", "models", "instances", "operations", "events", "versions"})

ModelId = Annotated[str, StringConstraints(pattern=MODEL_ID_PATTERN)]
Alias = Annotated[str, StringConstraints(pattern=ALIAS_PATTERN)]
"""Another name by which callers ask a model. Wider than an id, so that applications may go on asking for what they always did."""
Semver = Annotated[str, StringConstraints(pattern=SEMVER_PATTERN, max_length=96)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Group = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127})$")]
Ulid = Annotated[str, StringConstraints(pattern=ULID_PATTERN)]
WholeNumber = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""An integer of any meaning, of the 64 bits that every reader of JSON takes."""
PageSize = Annotated[int, Field(ge=1, le=200)]
Task = Literal["chat", "completion", "embedding", "rerank", "image", "transcription", "speech", "moderation"]
Hosting = Literal["hosted", "provider"]
Status = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]


class Contract(BaseModel):
    """A message or resource: unknown fields are refused, as are numbers that JSON has no name for; values never change after validation.

    The text of an error does not hold what was refused: Lambda writes it to the log.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def validate_document(cls, document: Any) -> Self:
        """The contract in a decoded JSON document; pydantic's ValidationError otherwise."""
        return cls.model_validate(document)

    @classmethod
    def receive(cls, document: Any) -> Self:
        """The contract as a reader takes it: fields that a newer writer added are passed over; pydantic's ValidationError otherwise."""
        return cls.model_validate(document, extra="ignore")

    def document(self) -> dict[str, Any]:
        """JSON types only, every field present."""
        return self.model_dump(mode="json")


class EventContract(Contract):
    """The `data` of an event on the bus. The class name is the detail type; the docstring its meaning."""

    source: ClassVar[str]
    contract_version: ClassVar[str] = "1.0"

    @classmethod
    def event_type(cls) -> str:
        """The bus's `detail-type`."""
        return cls.__name__


class Failure(Contract):
    """Why something failed: a stable code, a sentence, and what a person can do about it."""

    code: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["weights-corrupt"])
    message: str = Field(examples=["model.gguf does not have the digest that the manifest names"])
    hint: str = Field(default="", examples=["Upload the file again and publish a new manifest."])


class Page(Contract):
    """Query parameters of every list: how many, and from where on."""

    limit: PageSize = 50
    next_token: str | None = Field(default=None, max_length=2048)
