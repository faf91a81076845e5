"""Events: schema, example and contract say the same, and what has been published stays readable."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.catalogue import EVENTS
from contracts.common import EventContract
from kit.envelope import unwrap
from scripts.event_files import EVENTS_FOLDER, folder_of, major

ALL = list(EVENTS.values())
PUBLISHED = sorted(EVENTS_FOLDER.glob("*/*/published/*.json"))


def read(path: Path) -> Any:
    """The JSON in a file."""
    return json.loads(path.read_text())


def schema(event: type[EventContract]) -> Any:
    """The event's published schema."""
    return read(EVENTS_FOLDER / folder_of(event) / f"{major(event)}.schema.json")


def example(event: type[EventContract]) -> Any:
    """The event's example, fresh."""
    return read(EVENTS_FOLDER / folder_of(event) / f"{major(event)}.example.json")


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.event_type())
def test_schema_is_a_json_schema(event: type[EventContract]) -> None:
    """Every event's schema is valid JSON Schema 2020-12 and names the event and its source."""
    Draft202012Validator.check_schema(schema(event))
    assert schema(event)["properties"]["detail-type"]["const"] == event.event_type()
    assert schema(event)["properties"]["source"]["const"] == event.source


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.event_type())
def test_example_fits_schema_and_contract(event: type[EventContract]) -> None:
    """Every event's example passes its schema, unwraps in the kit, and is a whole message of the contract."""
    message = example(event)
    Draft202012Validator(schema(event)).validate(message)
    envelope = unwrap(message["detail-type"], message["detail"])
    assert envelope.source == event.source
    assert event.validate_document(envelope.data).document() == envelope.data


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.event_type())
def test_schema_refuses_an_event_without_its_data(event: type[EventContract]) -> None:
    """A schema that accepted an event with a required field missing would protect nobody."""
    message = example(event)
    message["detail"]["data"].pop(next(iter(event.model_fields)))
    assert not Draft202012Validator(schema(event)).is_valid(message)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.event_type())
def test_schema_and_consumers_accept_fields_of_later_versions(event: type[EventContract]) -> None:
    """A field that a newer producer adds breaks neither those who check the schema nor our own consumers."""
    message = example(event)
    message["detail"]["data"]["added_later"] = 1
    message["detail"]["metadata"]["added_later"] = 1
    Draft202012Validator(schema(event)).validate(message)
    envelope = unwrap(message["detail-type"], message["detail"])
    assert event.receive(envelope.data) == event.validate_document(example(event)["detail"]["data"])


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: "/".join(path.parts[-3:]))
def test_published_samples_stay_readable(path: Path) -> None:
    """What was once promised still passes through today's consumers."""
    message = read(path)
    event = EVENTS[message["detail-type"]]
    envelope = unwrap(message["detail-type"], message["detail"])
    assert kept(event.receive(envelope.data).document(), envelope.data) == envelope.data


def kept(received: Any, promised: Any) -> Any:
    """What is left of `received` where `promised` has something: later versions may add fields at any depth."""
    if isinstance(received, dict) and isinstance(promised, dict):
        return {name: kept(received[name], value) for name, value in promised.items()}
    if isinstance(received, list) and isinstance(promised, list) and len(received) == len(promised):
        return [kept(one, other) for one, other in zip(received, promised, strict=True)]
    return received


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.event_type())
def test_current_version_is_published(event: type[EventContract]) -> None:
    """Every version that is sent has its frozen sample."""
    assert EVENTS_FOLDER / folder_of(event) / "published" / f"{event.contract_version}.json" in PUBLISHED


def test_names_are_facts() -> None:
    """Events are facts: their names end in a past participle, or in the state that was reached."""
    for name in EVENTS:
        assert name.endswith(("ed", "InService")), name
