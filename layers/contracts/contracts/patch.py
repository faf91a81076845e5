"""What `PATCH /models/{model_id}` takes."""

from typing import Any

from pydantic import Field

from contracts.common import Contract

_Part = dict[str, Any] | None


class ModelPatch(Contract):
    """A merge patch (RFC 7396) of the model resource: only what is named changes; null brings a field's default back.

    What a part may hold is what the model resource says; the whole is checked after merging. `x-change-class` says what a change does to
    copies that run: `hot` interrupts nothing, `rolling` adds or removes copies, `restart` replaces their containers, `fixed` is refused.
    """

    acknowledge: str | None = Field(
        default=None, pattern=r"^ack_[0-9a-f]{40}$", description="from the 409 that a change of class `restart` is answered with"
    )
    model_id: str | None = None
    hosting: str | None = None
    task: str | None = None
    version: str | None = None
    description: str | None = None
    allowed_groups: list[str] | None = None
    tags: _Part = None
    features: _Part = None
    generation_defaults: _Part = None
    limits: _Part = None
    schedule: _Part = None
    delete_protection: bool | None = None
    aliases: list[str] | None = None
    fallbacks: list[str] | None = None
    pin_groups: list[str] | None = None
    artifact: _Part = None
    engine: _Part = None
    accelerator: _Part = None
    container: _Part = None
    capacity: _Part = None
    provider: _Part = None

    def changes(self) -> dict[str, Any]:
        """The merge patch itself: what was sent, without the acknowledgement."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"acknowledge"})
