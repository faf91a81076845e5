"""The smallest interesting instance of a JSON schema: always the same one for the same schema."""

import json
from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 8
_FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "mock@example.org",
    "uri": "https://example.org/",
    "uuid": "5e1f2d3c-4b5a-4c6d-8e7f-0a1b2c3d4e5f",
}


def instance(schema: Any) -> Any:
    """A value that fits `schema`, every property given. Patterns are not looked at."""
    return _value(schema, schema if isinstance(schema, Mapping) else {}, 0)


def _value(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    for word in ("enum", "examples"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _value(schema[word][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return _of_kind(kind[0] if isinstance(kind, list) else kind, schema, root, depth)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_DEEPEST):
        where = schema.get("$ref")
        if not isinstance(where, str):
            break
        found: Any = root
        for step in where.removeprefix("#/").split("/"):
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        schema = found
    merged = dict(schema)
    for part in schema.get("allOf", ()):
        merged |= _resolved(part, root)
    return merged


def _of_kind(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    if kind == "object":
        return {name: _value(inner, root, depth + 1) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_value(schema.get("items", {}), root, depth + 1) for _ in range(max(1, int(schema.get("minItems", 1))))]
    if kind in {"integer", "number"}:
        return _number(kind, schema)
    return {"boolean": True, "null": None}[kind] if kind in {"boolean", "null"} else _text(schema)


def _number(kind: str, schema: Mapping[str, Any]) -> float:
    least, most = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1), schema.get("maximum", schema.get("exclusiveMaximum"))
    value = least if most is None else min(least, most)
    return int(value) if kind == "integer" else value


def _text(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), "mock")
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    return text.ljust(least, "x")[: None if most is None else int(most)]


def dumped(schema: Any) -> str:
    """The instance as compact JSON."""
    return json.dumps(instance(schema), separators=(",", ":"))
