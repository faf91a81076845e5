"""A row as read from a table; pure, so that use cases may hand it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Attribute = str | int


@dataclass(frozen=True)
class Row:
    """One row as read: its keys, its document, its plain attributes."""

    pk: str
    sk: str
    document: dict[str, Any]
    attributes: Mapping[str, Attribute]
