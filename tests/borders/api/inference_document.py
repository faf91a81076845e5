"""What the router takes, as its own OpenAPI document says, with the models that there are."""

import json
from collections.abc import Sequence
from typing import Any

from scripts.router_openapi import document as whole


def document(models: Sequence[str]) -> dict[str, Any]:
    """The document; requests name one of `models`, and texts stay short enough for many of them."""
    made: dict[str, Any] = json.loads(json.dumps(whole()))
    made["components"]["schemas"]["Model"] = {"enum": list(models)}
    return made
