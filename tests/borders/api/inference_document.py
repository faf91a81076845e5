"""What the router takes, as an OpenAPI document: OpenAI's fields as far as the router looks at them, and the models there are."""

from collections.abc import Sequence
from typing import Any

_PART = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["text", "image_url", "input_text"]}, "text": {"type": "string"}, "image_url": {"type": "object"}},
}
_MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool"]},
        "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": _PART, "maxItems": 3}]},
    },
}
_HEADERS = [
    {"name": "Prefer", "in": "header", "schema": {"type": "string", "maxLength": 40}},
    {"name": "X-Request-Id", "in": "header", "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"}},
]
_SAMPLING = {
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "max_tokens": {"type": ["integer", "null"], "minimum": 1, "maximum": 4096},
    "stream": {"type": ["boolean", "null"]},
    "stop": {"type": ["array", "null"], "items": {"type": "string"}, "maxItems": 4},
    "seed": {"type": ["integer", "null"]},
    "tools": {"type": "array", "items": {"type": "object"}, "maxItems": 2},
}


def document(models: Sequence[str]) -> dict[str, Any]:
    """The document; requests name one of `models`."""
    model = {"enum": list(models)}
    named = {"name": "model", "in": "path", "required": True, "schema": model}
    operation = {"name": "operation", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}}
    heard = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"}}
    texts = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 3}]}
    chat = {"model": model, "messages": {"type": "array", "items": _MESSAGE, "minItems": 1, "maxItems": 3}, **_SAMPLING}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway router", "version": "1.0.0"},
        "paths": {
            "/v1/chat/completions": {"post": _asked(chat, ["model", "messages"])},
            "/v1/completions": {"post": _asked({"model": model, "prompt": texts, **_SAMPLING}, ["model", "prompt"])},
            "/v1/embeddings": {"post": _asked({"model": model, "input": texts}, ["model", "input"])},
            "/v1/models": {"get": _read()},
            "/v1/models/{model}": {"get": _read(named)},
            "/live/models/{model}/events": {"get": _read(named, heard)},
            "/live/operations/{operation}": {"get": _read(operation, heard)},
            "/health/live": {"get": _read()},
            "/health/ready": {"get": _read()},
            "/metrics": {"get": _read()},
        },
    }


def _asked(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"default": {"description": "The answer, or why there is none"}},
    }


def _read(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": [*parameters, _HEADERS[1]], "responses": {"default": {"description": "The answer, or why there is none"}}}
