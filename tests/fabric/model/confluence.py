"""Invariant 12, and 9 at rest: whatever came twice, late or otherwise, a model is in the end as if its commands had come one by one."""

from collections.abc import Mapping
from typing import Any

from tests.fabric.model.people import MODELS, People
from tests.fabric.model.seen import Document


def the_wish_is_what_was_accepted(people: People) -> None:
    """12: the wish in the end is what the accepted commands make, carried out in the order of their generations.

    Updates that failed or were cancelled while they were carried out count as undone. A model of which somebody was not told what became
    of a command is left out: nobody outside can know what was accepted.
    """
    seen = people.seen
    for model_id, accepted in people.wishes.items():
        model = seen.model(model_id)
        if model_id in people.unknown or "" in people.unknown or model is None or model["deleted"]:
            continue
        wished: dict[str, Any] = {}
        for _, kind, body, operation_id in sorted(accepted, key=lambda one: one[0]):
            if kind == "create":
                wished = dict(body)
            elif not _undone(seen.operation(operation_id)):
                wished = merged(wished, {name: value for name, value in body.items() if name != "acknowledge"})
        wrong = list(_differences(wished, model["spec"]))
        assert not wrong, f"{model_id} was wished to have {wrong}; it has {model['spec']}"


def the_shares_are_what_was_accepted(people: People) -> None:
    """9: whatever became of its targets, a model's traffic is shared as somebody who was accepted wanted it last, and not as anybody else.

    A new life of a model begins without. Left out is a model of which somebody was not told what became of a command, one that has no
    route, and one whose new life began before routing had heard of the end of the last.
    """
    for model_id in MODELS:
        model, route = people.seen.model(model_id), people.seen.route(model_id)
        if model_id in people.unknown or "" in people.unknown or route is None or model is None or model["deleted"]:
            continue
        if model_id not in people.shares:
            continue
        _, wanted = people.shares[model_id]
        assert route["versions"] == wanted, f"the traffic of {model_id} was to be shared {wanted}, and is {route['versions']}"


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396, written anew: this must not believe the product."""
    result = {name: value for name, value in document.items() if name not in patch}
    for name, value in patch.items():
        if isinstance(value, Mapping):
            below = document.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        elif value is not None:
            result[name] = value
    return result


def _differences(wished: Mapping[str, Any], spec: Mapping[str, Any], path: str = "") -> list[str]:
    """What was wished and is otherwise; what was not spoken of has its default."""
    found: list[str] = []
    for name, value in wished.items():
        if isinstance(value, Mapping) and isinstance(spec.get(name), Mapping):
            found += _differences(value, spec[name], f"{path}{name}.")
        elif spec.get(name) != value:
            found.append(f"{path}{name} = {value}")
    if not path and wished.get("schedule") is None and spec.get("schedule"):
        found.append("no schedule")
    return found


def _undone(operation: Document | None) -> bool:
    return operation is not None and (operation["relapse"] is not None or operation["status"] in {"Failed", "Cancelled"})
