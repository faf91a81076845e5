"""The OpenAPI document of the router: what it takes at each path, and in which shape it answers and refuses."""

from typing import Any, Final

from contracts import inference
from contracts.common import ALIAS_PATTERN
from router.surface.openapi import PATH

__all__ = ["PATH", "document"]

Schema = dict[str, Any]
_MODEL: Final[Schema] = {"$ref": "#/components/schemas/Model"}
_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 2048}]}
_FILE: Final[Schema] = {"type": "string", "contentMediaType": "application/octet-stream"}
_STREAM: Final[Schema] = {"type": ["boolean", "null"], "default": False}
_OBJECTS: Final[Schema] = {"type": "array", "items": {"type": "object"}}
_PART: Final[Schema] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["text", "image_url", "input_audio"]},
        "text": _TEXT,
        "image_url": {"type": "object", "description": "`url` is data:image/…; addresses are not fetched", "properties": {"url": _TEXT}},
        "input_audio": {"type": "object", "description": "`data` in base64 and `format`"},
    },
}
_MESSAGE: Final[Schema] = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"anyOf": [_TEXT, {"type": "array", "items": _PART}, {"type": "null"}]},
    },
}
_SAMPLING: Final[Schema] = {
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "max_tokens": {"type": ["integer", "null"], "minimum": 1},
    "stream": _STREAM,
    "stream_options": {"type": ["object", "null"], "properties": {"include_usage": {"type": "boolean"}}},
    "stop": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": 4}, {"type": "null"}]},
    "seed": {"type": ["integer", "null"]},
    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
}
_TOOLS: Final[Schema] = {"tools": _OBJECTS, "tool_choice": {"type": ["string", "object"]}, "parallel_tool_calls": {"type": "boolean"}}
_BLOCK: Final[Schema] = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"]}, "text": _TEXT},
}
_BLOCKS: Final[Schema] = {"anyOf": [_TEXT, {"type": "array", "items": _BLOCK}]}
_TURN: Final[Schema] = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {"role": {"enum": ["user", "assistant"]}, "content": _BLOCKS},
}
_MESSAGES: Final[Schema] = {"messages": {"type": "array", "items": _TURN, "minItems": 1}, "system": _BLOCKS, "tools": _OBJECTS}
_DOCUMENT: Final[Schema] = {
    "anyOf": [_TEXT, {"type": "object", "required": ["text"], "properties": {"text": _TEXT}, "additionalProperties": False}]
}
_RERANKED: Final[Schema] = {
    "query": _TEXT,
    "documents": {"type": "array", "items": _DOCUMENT, "minItems": 1},
    "top_n": {"type": "integer", "minimum": 1},
    "return_documents": {"type": "boolean"},
}
_PICTURE: Final[Schema] = {"prompt": _TEXT, "n": {"type": "integer", "minimum": 1, "maximum": 10}, "size": _TEXT}
_RECORDING: Final[Schema] = {"file": _FILE, "prompt": _TEXT, "response_format": {"enum": ["json", "text", "srt", "verbose_json", "vtt"]}}

_ASKED: Final[dict[str, tuple[str, str, Schema, list[str]]]] = {
    inference.CHAT: (
        "chat",
        "Continue a conversation.",
        {
            "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
            **_SAMPLING,
            **_TOOLS,
            "response_format": {"type": "object"},
            "logprobs": {"type": ["boolean", "null"]},
            "reasoning_effort": {"type": ["string", "null"]},
        },
        ["messages"],
    ),
    inference.COMPLETIONS: ("complete", "Continue a text.", {"prompt": _TEXTS, **_SAMPLING}, ["prompt"]),
    inference.RESPONSES: (
        "respond",
        "Answer as OpenAI's Responses do. Nothing is kept: `store`, `previous_response_id`, `background` are refused.",
        {
            "input": {"anyOf": [_TEXT, _OBJECTS]},
            "instructions": {"type": ["string", "null"]},
            "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
            "stream": _STREAM,
            "text": {"type": "object"},
            "reasoning": {"type": "object"},
            **_TOOLS,
        },
        ["input"],
    ),
    inference.MESSAGES: (
        "message",
        "Continue a conversation as Anthropic's Messages do; errors have Anthropic's shape.",
        {**_MESSAGES, "max_tokens": {"type": "integer", "minimum": 1}, "stream": _STREAM},
        ["messages", "max_tokens"],
    ),
    inference.COUNT_TOKENS: ("countTokens", "Count the tokens of a conversation.", _MESSAGES, ["messages"]),
    inference.EMBEDDINGS: (
        "embed",
        "Turn texts into vectors.",
        {"input": _TEXTS, "encoding_format": {"enum": ["float", "base64"]}},
        ["input"],
    ),
    inference.RERANK: ("rerank", "Put documents in the order of their relevance to a query.", _RERANKED, ["query", "documents"]),
    inference.RERANK_2: ("rerankAsCohere", "The same, as Cohere's second version has it.", _RERANKED, ["query", "documents"]),
    inference.IMAGES: ("drawImage", "Draw pictures.", _PICTURE, ["prompt"]),
    inference.IMAGE_EDITS: ("editImage", "Change pictures.", {**_PICTURE, "image": _FILE, "mask": _FILE}, ["prompt", "image"]),
    inference.TRANSCRIPTIONS: (
        "transcribe",
        "Write down what is said.",
        {**_RECORDING, "language": _TEXT, "stream": {"enum": ["true", "false"]}},
        ["file"],
    ),
    inference.TRANSLATIONS: ("translate", "Write down in English what is said.", _RECORDING, ["file"]),
    inference.SPEECH: (
        "speak",
        "Read a text aloud; the answer is sound.",
        {"input": _TEXT, "voice": {"type": "string", "pattern": "^[^/:]*$"}, "response_format": {"enum": ["mp3", "wav", "pcm"]}},
        ["input", "voice"],
    ),
    inference.MODERATIONS: ("moderate", "Judge whether a text is harmful.", {"input": _TEXTS}, ["input"]),
}

_REFUSALS: Final = {
    "400": "The request is not taken; `code` says why.",
    "401": "The credential is missing, unknown, expired or revoked.",
    "403": "The credential lacks a scope.",
    "404": "The model does not exist, or the caller may not use it.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "429": "A limit is reached; `Retry-After` says for how long.",
    "502": "Whoever answers for the model failed.",
    "503": "The model does not answer at the moment; `Retry-After` says when to ask again.",
    "504": "Whoever answers for the model did not begin in time.",
}
_REQUEST_ID: Final[Schema] = {"name": "X-Request-Id", "in": "header", "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"}}
_PREFER: Final[Schema] = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=<seconds>`: wait that long for a sleeping model",
    "schema": {"type": "string", "maxLength": 40},
}
_NAMED: Final[Schema] = {"name": "model", "in": "path", "required": True, "schema": _MODEL}
_OPERATION: Final[Schema] = {
    "name": "operation",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"},
}
_HEARD: Final[Schema] = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"}}


def document() -> Schema:
    """The document (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slipway router",
            "version": "1.0.0",
            "description": "Models by the APIs of OpenAI and Anthropic. What is not described goes on as it is.",
        },
        "security": [{"token": []}, {"key": []}],
        "paths": {path: {"post": _asked(path)} for path in _ASKED}
        | {
            "/v1/models": {"get": _read("listModels", "The models that the caller may use.")},
            "/v1/models/{model}": {"get": _read("showModel", "One of them.", _NAMED)},
            "/live/models/{model}/events": {"get": _followed("followModel", "What happens to a model, as it happens.", _NAMED)},
            "/live/operations/{operation}": {"get": _followed("followOperation", "How an operation goes, as it goes.", _OPERATION)},
            "/health/live": {"get": _open("isLive", "Whether the router runs.")},
            "/health/ready": {"get": _open("isReady", "Whether it takes requests.")},
            "/metrics": {"get": _open("readMetrics", "Its figures, for Prometheus; not through the load balancer.", "text/plain")},
            "/openapi.json": {"get": _open("readDocument", "This document.")},
        },
        "components": {"schemas": _schemas(), "securitySchemes": _credentials()},
    }


def _asked(path: str) -> Schema:
    name, summary, properties, required = _ASKED[path]
    endpoint = inference.ENDPOINTS[path]
    schema = {"type": "object", "required": ["model", *required], "properties": {"model": _MODEL, **properties}}
    taken = "multipart/form-data" if endpoint.form else "application/json"
    given: Schema = {"audio/*": {}} if path == inference.SPEECH else {"application/json": {"schema": {"type": "object"}}}
    if endpoint.streams:
        given["text/event-stream"] = {}
    return {
        "operationId": name,
        "summary": summary,
        "description": f"For models of the task {' or '.join(sorted(endpoint.tasks))}, served by {', '.join(sorted(endpoint.kinds))}.",
        "parameters": [_REQUEST_ID, _PREFER],
        "requestBody": {"required": True, "content": {taken: {"schema": schema}}},
        "responses": {"200": {"description": "The answer.", "content": given}} | _refusals(endpoint.dialect),
    }


def _refusals(dialect: str) -> Schema:
    shape = {"application/json": {"schema": {"$ref": f"#/components/schemas/{'Error' if dialect == 'openai' else 'AnthropicError'}"}}}
    return {status: {"description": why, "content": shape} for status, why in _REFUSALS.items()}


def _read(name: str, summary: str, *parameters: Schema) -> Schema:
    refusals = {status: each for status, each in _refusals("openai").items() if status in {"401", "403", "404", "503"}}
    answer = {"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"operationId": name, "summary": summary, "parameters": [*parameters, _REQUEST_ID], "responses": {"200": answer} | refusals}


def _followed(name: str, summary: str, *parameters: Schema) -> Schema:
    refused = {"description": "Why not.", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
    answers = {"200": {"description": "Events.", "content": {"text/event-stream": {}}}, "204": {"description": "It is over."}}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters, _HEARD, _REQUEST_ID],
        "responses": answers | dict.fromkeys(("400", "401", "403", "404", "429", "503"), refused),
    }


def _open(name: str, summary: str, kind: str = "application/json") -> Schema:
    answers = {
        "200": {"description": "The answer.", "content": {kind: {}}},
        "503": _refusals("openai")["503"],
        "404": _refusals("openai")["404"],
    }
    return {"operationId": name, "summary": summary, "security": [], "parameters": [_REQUEST_ID], "responses": answers}


def _schemas() -> Schema:
    said = {
        "message": _TEXT,
        "type": _TEXT,
        "param": {"type": ["string", "null"]},
        "code": {"type": "string", "description": "never changes"},
    }
    inner = {"type": "object", "required": list(said), "properties": said}
    outer = {"type": {"const": "error"}, "error": inner, "request_id": _TEXT}
    return {
        "Model": {"type": "string", "pattern": ALIAS_PATTERN, "description": "a model's id, or one of its aliases"},
        "Error": {"type": "object", "required": ["error"], "properties": {"error": inner}},
        "AnthropicError": {"type": "object", "required": list(outer), "properties": outer},
    }


def _credentials() -> Schema:
    return {
        "token": {"type": "http", "scheme": "bearer", "description": "an API token (slp_…), or a person's OIDC token"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "the same, as Anthropic's clients send it"},
    }
