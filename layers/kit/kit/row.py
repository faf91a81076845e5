"""A row as read from a table; pure, so that use cases may hand it on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

Attribute = str | int


@dataclass(frozen=True)
class Row:
    """One row as read: its keys, its document, its plain attributes."""

    pk: str
    sk: str
    document: dict[str, Any]
    attributes: Mapping[str, Attribute]


_NAMES: dict[type[Any], frozenset[str]] = {}


def known(shape: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """What this release knows of a document that is to become the dataclass `shape`: what a newer one has added is passed over."""
    if shape not in _NAMES:
        _NAMES[shape] = frozenset(field.name for field in fields(shape))
    names = _NAMES[shape]
    return {name: value for name, value in document.items() if name in names}
