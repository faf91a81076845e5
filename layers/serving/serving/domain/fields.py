"""What it takes to change a field: the one table that says whether a change interrupts anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from serving.domain.model import Spec


class ChangeClass(StrEnum):
    """In rising order: what an update with such a change does to the copies that run."""

    HOT = "hot"
    ROLLING = "rolling"
    RESTART = "restart"
    FIXED = "fixed"


CLASSES: Mapping[str, ChangeClass] = {
    "description": ChangeClass.HOT,
    "allowed_groups": ChangeClass.HOT,
    "tags": ChangeClass.HOT,
    "features": ChangeClass.HOT,
    "generation_defaults": ChangeClass.HOT,
    "limits": ChangeClass.HOT,
    "delete_protection": ChangeClass.HOT,
    "aliases": ChangeClass.HOT,
    "fallbacks": ChangeClass.HOT,
    "pin_groups": ChangeClass.HOT,
    "provider": ChangeClass.HOT,
    "capacity": ChangeClass.ROLLING,
    "schedule": ChangeClass.ROLLING,
    "container": ChangeClass.RESTART,
    "engine": ChangeClass.RESTART,
    "accelerator": ChangeClass.RESTART,
    "artifact": ChangeClass.RESTART,
    "version": ChangeClass.RESTART,
    "model_id": ChangeClass.FIXED,
    "hosting": ChangeClass.FIXED,
    "task": ChangeClass.FIXED,
}
"""By the first part of a field's path. Every field of the model resource is here; tests compare the two."""

HOSTED_ONLY = frozenset({"capacity", "container", "engine", "accelerator", "artifact"})
PROVIDER_ONLY = frozenset({"provider"})
_ORDER = tuple(ChangeClass)


@dataclass(frozen=True)
class FieldChange:
    """One field that an update changes: dotted path, old and new value (None = absent)."""

    path: str
    before: Any
    after: Any
    change_class: ChangeClass


def class_of(path: str, hosting: str = "hosted") -> ChangeClass:
    """The class of the field at a dotted path. KeyError for a field that no model has.

    A provider's copies are not ours: nothing restarts, whatever of it changes.
    """
    found = CLASSES[path.partition(".")[0]]
    return ChangeClass.HOT if hosting == "provider" and found is ChangeClass.RESTART else found


def classify(before: Spec, after: Spec) -> tuple[FieldChange, ...]:
    """Every field that differs, by path; lists are compared as a whole."""
    hosting = str(before.get("hosting", "hosted"))
    changed = _differences("", dict(before), dict(after))
    return tuple(FieldChange(path, old, new, class_of(path, hosting)) for path, old, new in sorted(changed, key=lambda change: change[0]))


def strongest(changes: tuple[FieldChange, ...]) -> ChangeClass | None:
    """The class of an update with these changes; None where nothing changes."""
    return max((change.change_class for change in changes), key=_ORDER.index, default=None)


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396: the document with the patch applied; null takes a field away (and so brings its default back)."""
    result = dict(document)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def patch_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that makes `after` of `before`."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if below := patch_between(old, value):
                patch[name] = below
        elif name not in before or old != value:
            patch[name] = value
    return patch


def misplaced(patch: Mapping[str, Any], hosting: str) -> Iterator[tuple[str, str, str]]:
    """Path, code and sentence of each field that a model of this hosting does not have, or that never changes."""
    foreign, why = {
        "provider": (HOSTED_ONLY, "a third party serves this model: there are no copies of ours to change"),
        "hosted": (PROVIDER_ONLY, "an engine of ours serves this model: there is no third party"),
    }[hosting]
    for name in patch:
        if name in foreign:
            yield name, f"not-for-{hosting}-models", why
        elif CLASSES.get(name) is ChangeClass.FIXED:
            yield name, "field-fixed", f"{name} never changes; create another model instead"


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in {**before, **after}:
            yield from _differences(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif before != after:
        yield path, before, after
