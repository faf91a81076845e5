"""What routers need to know of a model beside where it runs."""

from typing import Any

from contracts.model import HostedModel, ProviderModel


def about(model: HostedModel | ProviderModel, version: str, created_at: str) -> dict[str, Any]:
    """The model's part of the route contract, JSON types only. The provider's entry holds a reference to its secret, never the secret."""
    wish = model.document()
    shared = {name: wish[name] for name in ("hosting", "task", "description", "allowed_groups", "features", "generation_defaults")}
    return {**shared, "version": version, "created_at": created_at, "provider": wish.get("provider")}
