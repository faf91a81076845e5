"""What the router takes, as its own OpenAPI document says, with the models that there are."""

from collections.abc import Sequence
from typing import Any

from scripts.router_openapi import document as whole


def document(models: Sequence[str]) -> dict[str, Any]:
    """The document; requests name one of `models`."""
    made = whole()
    made["components"]["schemas"]["Model"] = {"enum": list(models)}
    return made
