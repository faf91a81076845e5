"""What the management API takes and answers: patch. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Any, NotRequired, TypedDict


class ModelPatch(TypedDict):
    """A merge patch (RFC 7396) of the model resource: only what is named changes; null brings a field's default back."""

    acknowledge: NotRequired[str | None]
    model_id: NotRequired[str | None]
    hosting: NotRequired[str | None]
    task: NotRequired[str | None]
    version: NotRequired[str | None]
    description: NotRequired[str | None]
    allowed_groups: NotRequired[list[str] | None]
    tags: NotRequired[dict[str, Any] | None]
    features: NotRequired[dict[str, Any] | None]
    generation_defaults: NotRequired[dict[str, Any] | None]
    limits: NotRequired[dict[str, Any] | None]
    schedule: NotRequired[dict[str, Any] | None]
    delete_protection: NotRequired[bool | None]
    aliases: NotRequired[list[str] | None]
    fallbacks: NotRequired[list[str] | None]
    pin_groups: NotRequired[list[str] | None]
    artifact: NotRequired[dict[str, Any] | None]
    engine: NotRequired[dict[str, Any] | None]
    accelerator: NotRequired[dict[str, Any] | None]
    container: NotRequired[dict[str, Any] | None]
    capacity: NotRequired[dict[str, Any] | None]
    provider: NotRequired[dict[str, Any] | None]
