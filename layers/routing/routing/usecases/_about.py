"""What routers need to know of a model beside where it runs."""

from typing import Any

from contracts.model import HostedModel, ProviderModel

_SHARED = (
    "hosting",
    "task",
    "description",
    "allowed_groups",
    "features",
    "generation_defaults",
    "limits",
    "pin_groups",
    "aliases",
    "fallbacks",
)


def about(model: HostedModel | ProviderModel, version: str, created_at: str) -> dict[str, Any]:
    """The model's part of the route contract, JSON types only, but for its provider."""
    wish = model.document()
    return {**{name: wish[name] for name in _SHARED}, "version": version, "created_at": created_at}


def provider_of(model: HostedModel | ProviderModel) -> dict[str, Any] | None:
    """How to ask the third party, with a reference to its secret and never the secret; None for a model of ours."""
    return model.provider.document() if isinstance(model, ProviderModel) else None
