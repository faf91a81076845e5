"""Makes the files of every event from its contract: JSON Schema, an example that can be sent, and the sample frozen at publication."""

import json
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from contracts.catalogue import EVENTS
from contracts.common import Contract, EventContract
from contracts.examples import EVENT_PARTS, HOSTED_MODEL
from contracts.model import HostedModel

EVENTS_FOLDER = Path(__file__).resolve().parent.parent / "events"
_ULID = "^[0-9A-HJKMNP-TV-Z]{26}$"
_METADATA = {
    "id": {"type": "string", "pattern": _ULID, "description": "The event's own id (ULID): the one key to deduplicate on."},
    "version": {"type": "string", "description": "The version of `data`. Within a major version, fields are only ever added."},
    "occurred_at": {"type": "string", "format": "date-time", "description": "When it happened, in UTC with milliseconds."},
    "producer": {"type": "string", "description": "The context that says so."},
    "environment": {"type": "string"},
    "correlation_id": {"type": "string", "description": "The operation (or request) that this belongs to."},
    "causation_id": {"type": ["string", "null"], "description": "The id of the event that caused this one."},
    "actor": {"type": "string", "description": "Who asked for what led here."},
}
_PART = {"type": ["object", "null"]}
_OPTIONAL_METADATA = {
    "causation_type": {"type": ["string", "null"], "description": "What the event that caused this one is called."},
    "change": {
        "type": ["object", "null"],
        "properties": {"before": _PART, "after": _PART},
        "description": "What differs in the thing that this is about: the differing parts before and after, of facts that a ledger holds.",
    },
}


def context_of(event: type[EventContract]) -> str:
    """The context that owns the event."""
    return event.source.removeprefix("slipway.")


def folder_of(event: type[EventContract]) -> str:
    """The event's folder below events/."""
    return f"{context_of(event)}/{event.event_type()}"


def major(event: type[EventContract]) -> str:
    """`v1` for every 1.x."""
    return f"v{event.contract_version.split('.')[0]}"


def schema_of(event: type[EventContract]) -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole event as it lies on the bus. Open for fields that later versions add."""
    data = _opened(event.model_json_schema(mode="serialization"))
    definitions = data.pop("$defs", {})
    metadata = _closed_object(_METADATA) | {"properties": _METADATA | _OPTIONAL_METADATA}
    detail = _closed_object({"metadata": metadata, "data": data})
    envelope = {
        "version": {"type": "string"},
        "id": {"type": "string", "description": "The bus's id. It changes when the event is sent again: use detail.metadata.id."},
        "detail-type": {"const": event.event_type()},
        "source": {"const": event.source},
        "account": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "region": {"type": "string"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "detail": detail,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:slipway:event:{context_of(event)}:{event.event_type()}:{major(event)}",
        "title": event.event_type(),
        "description": _sentence(event),
        "type": "object",
        "required": ["detail-type", "source", "detail"],
        "properties": envelope,
        "$defs": definitions,
    }


def example_of(event: type[EventContract]) -> dict[str, Any]:
    """A whole event, as EventBridge hands it to a function; `sam local invoke -e` takes it."""
    metadata = {
        "id": "01KDWBFKR0A1B2C3D4E5F6G7H8",
        "version": event.contract_version,
        "occurred_at": "2026-01-01T00:00:00.000Z",
        "producer": context_of(event),
        "environment": "dev",
        "correlation_id": "01KAHV5X3V8Q4T1N6F2R7C9B0D",
        "causation_id": None,
        "actor": "token:platform",
    }
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.event_type(),
        "source": event.source,
        "account": "123456789012",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {"metadata": metadata, "data": _data(event)},
    }


def files() -> dict[str, str]:
    """Path below events/ → content, of everything that follows the contracts as they are now."""
    made = {}
    for event in EVENTS.values():
        made[f"{folder_of(event)}/{major(event)}.schema.json"] = dump(schema_of(event))
        made[f"{folder_of(event)}/{major(event)}.example.json"] = dump(example_of(event))
    return made


def samples() -> dict[str, str]:
    """Path below events/ → content, of the samples that are written once and never again."""
    return {f"{folder_of(event)}/published/{event.contract_version}.json": dump(example_of(event)) for event in EVENTS.values()}


def dump(document: Any) -> str:
    """The one form in which generated JSON is written."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _data(event: type[EventContract]) -> dict[str, Any]:
    given = _example(event) | dict(EVENT_PARTS.get(event.event_type(), {}))
    return event.validate_document(given).document()


def _example(contract: type[Contract]) -> dict[str, Any]:
    return {name: _value(contract, name, field) for name, field in contract.model_fields.items() if _tells(field)}


def _tells(field: FieldInfo) -> bool:
    return bool(field.examples) or field.is_required()


def _value(contract: type[Contract], name: str, field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    if field.discriminator == "hosting":
        return HostedModel.validate_document(dict(HOSTED_MODEL)).document()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Contract):
        return _example(field.annotation)
    raise SystemExit(f"{contract.__name__}.{name} needs examples=[…]: the event's example is made from it")


def _sentence(event: type[EventContract]) -> str:
    return " ".join((event.__doc__ or "").split())


def _closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _opened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _opened(value) for key, value in schema.items() if not (key == "additionalProperties" and value is False)}
    return [_opened(item) for item in schema] if isinstance(schema, list) else schema
