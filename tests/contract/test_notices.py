"""Consumers read what the producer of their event has promised: through the event's contract, or through a notice that is a part of it."""

import ast
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.catalogue import EVENTS
from contracts.common import EventContract
from contracts.notices import Notice
from scripts.event_catalogue import AUDIT, consumers
from scripts.event_files import EVENTS_FOLDER, folder_of, major
from scripts.template import ROOT, load

READ = [(notice, EVENTS[name]) for notice in Notice.__subclasses__() for name in sorted(notice.of)]
HEARD: dict[str, set[str]] = {}
"""Function → the events of ours that are brought to it."""
for _name, _functions in consumers().items():
    for _function in _functions if _name in EVENTS else ():
        HEARD.setdefault(_function, set()).add(_name)
RESOURCES = load()["Resources"]

each_reading = pytest.mark.parametrize(("notice", "event"), READ, ids=lambda item: item.__name__)
each_consumer = pytest.mark.parametrize("function", sorted(HEARD))


@cache
def door(function: str) -> ast.Module:
    """A function's handler, parsed."""
    folder = str(RESOURCES[function]["Properties"]["CodeUri"])
    return ast.parse((ROOT / folder / "handler.py").read_text())


@cache
def received(function: str) -> list[type[EventContract] | type[Notice]]:
    """The contracts by which a function's door reads its event."""
    tree = door(function)
    origins = {
        alias.name: str(item.module)
        for item in tree.body
        if isinstance(item, ast.ImportFrom) and (item.module or "").startswith("contracts.")
        for alias in item.names
    }
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    names = [call.value.id for call in calls if call.attr == "receive" and isinstance(call.value, ast.Name)]
    return [getattr(import_module(origins[name]), name) for name in names]


@each_consumer
def test_a_consumer_reads_its_event_through_one_contract_of_it(function: str) -> None:
    """What the rules bring to a function is what its door takes it for; nothing is picked from an event's data without a contract."""
    tree = door(function)
    (contract,) = received(function)
    if issubclass(contract, Notice):
        assert HEARD[function] <= contract.of
    else:
        assert HEARD[function] == {contract.event_type()}
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) == "envelope.data"]
    assert len(read) == 1


def test_there_are_consumers_of_both_kinds() -> None:
    """The other tests of this page compare something, and the audit alone takes events as they come."""
    kinds = {issubclass(contract, Notice) for function in HEARD for contract in received(function)}
    assert kinds == {True, False}
    assert received(AUDIT) == []


def test_a_notice_is_of_those_events_that_it_is_read_from() -> None:
    """An event more would be promised to nobody."""
    for notice in Notice.__subclasses__():
        assert notice.of == set().union(*(HEARD[function] for function in HEARD if notice in received(function)))


@each_reading
def test_a_notice_asks_for_no_more_than_its_event_gives(notice: type[Notice], event: type[EventContract]) -> None:
    """Each field is in the published schema, no narrower there; what must be there is there in every edition of the event."""
    published = json.loads((EVENTS_FOLDER / folder_of(event) / f"{major(event)}.schema.json").read_text())
    wanted = notice.model_json_schema()
    for given, schema in ((published["properties"]["detail"]["properties"]["data"], published), *[(event.model_json_schema(),) * 2]):
        assert lacks(wanted, given, wanted.get("$defs", {}), schema.get("$defs", {}), "data") == []


@each_reading
def test_a_notice_reads_all_that_was_ever_published(notice: type[Notice], event: type[EventContract]) -> None:
    """Of the example and every frozen sample it has what the event's own contract has; without one of its fields that must be, nothing."""
    folder = EVENTS_FOLDER / folder_of(event)
    for path in (folder / f"{major(event)}.example.json", *sorted((folder / "published").glob("*.json"))):
        data = json.loads(path.read_text())["detail"]["data"]
        whole = event.receive(data).document()
        assert within(notice.receive(data | {"added_later": 1}).document(), whole), path
        for name, field in notice.model_fields.items():
            if field.is_required():
                with pytest.raises(ValidationError):
                    notice.receive({key: value for key, value in data.items() if key != name})


def test_a_narrower_notice_is_noticed() -> None:
    """The comparison sees a field of another name, a narrower type, a choice that is missing, and what need not be there."""
    given = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"], "type": "string"}}}
    fits: Mapping[str, Any] = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    assert lacks(fits, given, {}, {}, "data") == []
    for wrong in (
        {"properties": {"c": {"type": "string"}}},
        {"properties": {"a": {"type": "integer"}}},
        {"properties": {"a": {"type": "string", "maxLength": 3}}},
        {"properties": {"b": {"enum": ["x"], "type": "string"}}},
        {"properties": {"b": {"enum": ["x", "y"], "type": "string"}}, "required": ["b"]},
        {"properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}},
    ):
        assert lacks({"type": "object", **wrong}, given, {}, {}, "data") != []


_SAID = frozenset({"title", "description", "examples", "default", "$defs", "additionalProperties"})
"""What a schema says to people, and whether it is closed: consumers pass over what they do not know."""


def lacks(wanted: Mapping[str, Any], given: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any], at: str) -> list[str]:
    """Where a document that fits the schema `given` need not fit the schema `wanted`."""
    wanted, given = _plain(wanted, ours), _plain(given, theirs)
    if "anyOf" in given or "anyOf" in wanted:
        ways, others = given.get("anyOf", [given]), wanted.get("anyOf", [wanted])
        return [f"{at}: {way} is not expected" for way in ways if all(lacks(other, way, ours, theirs, at) for other in others)]
    found = [f"{at}.{name} need not be there" for name in wanted.get("required", []) if name not in given.get("required", [])]
    for name, part in wanted.get("properties", {}).items():
        other = given.get("properties", {}).get(name)
        found += [f"{at}.{name} is not there"] if other is None else lacks(part, other, ours, theirs, f"{at}.{name}")
    if "items" in wanted:
        found += lacks(wanted["items"], given.get("items", {}), ours, theirs, f"{at}[]")
    if "enum" in wanted and not set(given.get("enum", ["anything"])) <= set(wanted["enum"]):
        found.append(f"{at}: only {wanted['enum']} are expected")
    rest = set(wanted) - _SAID - {"properties", "required", "items", "enum"}
    return found + [f"{at}: {word} is {wanted[word]}, not {given.get(word)}" for word in sorted(rest) if given.get(word) != wanted[word]]


def within(part: Any, whole: Any) -> bool:
    """Whether everything in `part` is in `whole`."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and within(value, whole[name]) for name, value in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(within(one, other) for one, other in zip(part, whole, strict=True))
    return bool(part == whole)


def _plain(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without references, and a choice between words as one list of words."""
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return {"enum": [schema["const"]], "type": schema.get("type")}
    ways = [_plain(way, definitions) for way in schema.get("anyOf", [])]
    if ways and all("enum" in way for way in ways):
        return {"enum": [word for way in ways for word in way["enum"]], "type": ways[0]["type"]}
    return schema
