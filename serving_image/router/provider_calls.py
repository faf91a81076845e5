"""One call of LiteLLM's for each endpoint: which fields it takes, and how its answers read as the API's that was asked."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

import orjson

from contracts import inference
from router.errors import bad_request
from router.surface.answers import JSON, Whole
from router.surface.forms import Upload

_COMMON: Final = frozenset(
    {"frequency_penalty", "logit_bias", "max_tokens", "n", "presence_penalty", "seed", "stop", "stream", "stream_options", "temperature",
     "top_p", "user"}
)  # fmt: skip
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    inference.CHAT: _COMMON
    | {
        "audio", "function_call", "functions", "logprobs", "max_completion_tokens", "messages", "modalities", "parallel_tool_calls",
        "prediction", "reasoning_effort", "response_format", "service_tier", "tool_choice", "tools", "top_logprobs", "verbosity",
        "web_search_options",
    },
    inference.COMPLETIONS: _COMMON | {"best_of", "echo", "logprobs", "prompt", "suffix"},
    inference.EMBEDDINGS: frozenset({"dimensions", "encoding_format", "input", "user"}),
    inference.RESPONSES: frozenset(
        {"include", "input", "instructions", "max_output_tokens", "parallel_tool_calls", "reasoning", "service_tier", "store", "stream",
         "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"}
    ),
    inference.MESSAGES: frozenset(
        {"max_tokens", "messages", "output_config", "output_format", "stop_sequences", "stream", "system", "temperature", "thinking",
         "tool_choice", "tools", "top_k", "top_p"}
    ),
    inference.RERANK: frozenset(
        {"query", "documents", "top_n", "return_documents", "rank_fields", "max_chunks_per_doc", "max_tokens_per_doc"}
    ),
    inference.IMAGES: frozenset(
        {"prompt", "n", "size", "quality", "response_format", "style", "user", "background", "moderation", "output_format",
         "output_compression"}
    ),
    inference.IMAGE_EDITS: frozenset(
        {"prompt", "image", "image[]", "mask", "n", "size", "quality", "response_format", "user", "background", "input_fidelity",
         "output_format", "output_compression"}
    ),
    inference.TRANSCRIPTIONS: frozenset({"file", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]"}),
    inference.SPEECH: frozenset({"input", "voice", "instructions", "response_format", "speed"}),
    inference.MODERATIONS: frozenset({"input"}),
}  # fmt: skip
_SAME: Final = {inference.RERANK_2: inference.RERANK}
_IGNORED: Final = frozenset({"model", "metadata", "store", "safety_identifier", "prompt_cache_key"})
"""Fields that OpenAI's clients send for OpenAI's own book-keeping; LiteLLM would take `metadata` for instructions to itself."""
_CALLS: Final = {
    inference.CHAT: "acompletion",
    inference.COMPLETIONS: "atext_completion",
    inference.EMBEDDINGS: "aembedding",
    inference.RESPONSES: "aresponses",
    inference.MESSAGES: "anthropic_messages",
    inference.RERANK: "arerank",
    inference.IMAGES: "aimage_generation",
    inference.IMAGE_EDITS: "aimage_edit",
    inference.TRANSCRIPTIONS: "atranscription",
    inference.SPEECH: "aspeech",
    inference.MODERATIONS: "amoderation",
}
_NUMBERS: Final = frozenset({"n", "output_compression", "temperature"})
_SPOKEN: Final = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}
_WRITTEN: Final = frozenset({"text", "srt", "vtt"})
_BEGUN: Final = re.compile(rb'("type": ?"message_start".{0,300}?"model": ?)"[^"\\]{0,256}"', re.DOTALL)


def call_for(path: str) -> Callable[..., Any]:
    """LiteLLM's function for the endpoint."""
    import litellm

    call: Callable[..., Any] = getattr(litellm, _CALLS[_SAME.get(path, path)])
    return call


def fields_of(path: str) -> frozenset[str]:
    """The API's fields that go on to LiteLLM."""
    return _FIELDS[_SAME.get(path, path)]


def fields_for(path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """What goes on to LiteLLM: the API's own fields and nothing else; ApiError 400 names one that is unknown."""
    path = _SAME.get(path, path)
    allowed = fields_of(path)
    unknown = document.keys() - allowed - _IGNORED
    if unknown:
        name = min(unknown)[:64]
        raise bad_request("unknown_field", f"`{name}` is not a field of this request for models of third parties.", name)
    fields = {name: value for name, value in document.items() if name in allowed and value is not None}
    if path == inference.RESPONSES:
        fields["store"] = False  # OpenAI would keep it for a month
    elif path in {inference.TRANSCRIPTIONS, inference.IMAGE_EDITS}:
        fields = {name.removesuffix("[]"): _plain(name, value, named=path == inference.TRANSCRIPTIONS) for name, value in fields.items()}
    return fields


def _plain(name: str, value: Any, *, named: bool) -> Any:
    """A form's field as LiteLLM takes it: recordings with their names, which tell of their kind; pictures as bytes, which it looks at."""
    if isinstance(value, Upload):
        content = bytes(value.content)
        return (value.filename or name, content, value.content_type) if named else content
    if isinstance(value, list):
        return [_plain(name, one, named=named) for one in value]
    if name in _NUMBERS:
        try:
            return float(value) if name == "temperature" else int(value)
        except ValueError:
            raise bad_request("invalid_value", f"`{name}` must be a number.", name) from None
    return value


def whole(response: Any, path: str, document: Mapping[str, Any], model_id: str) -> Whole:
    """LiteLLM's answer as the API's, under our name for the model."""
    if path == inference.SPEECH:
        return Whole(response.content, _SPOKEN.get(document.get("response_format") or "mp3", b"application/octet-stream"))
    if path == inference.TRANSCRIPTIONS and document.get("response_format") in _WRITTEN:
        return Whole(str(response.text).encode(), b"text/plain; charset=utf-8")
    return Whole(_json(response, path, model_id), JSON)


async def events(response: Any, path: str, model_id: str) -> AsyncIterator[bytes]:
    """LiteLLM's stream as the API's server-sent events, with the end that belongs to it."""
    if path == inference.MESSAGES:
        async for event in response:
            yield _BEGUN.sub(b'\\1"' + model_id.encode() + b'"', event, count=1) if b"message_start" in event else event
        return
    async for chunk in response:
        if path == inference.RESPONSES:
            document = chunk.model_dump(mode="json", exclude_none=True)
            if "model" in document.get("response", ()):
                document["response"]["model"] = model_id
            yield b"event: %b\ndata: %b\n\n" % (str(document.get("type")).encode(), orjson.dumps(document))
        else:
            yield b"data: " + _json(chunk, path, model_id) + b"\n\n"
    if path != inference.RESPONSES:
        yield b"data: [DONE]\n\n"


_NAMELESS: Final = frozenset({inference.IMAGES, inference.IMAGE_EDITS, inference.TRANSCRIPTIONS})


def _json(response: Any, path: str, model_id: str) -> bytes:
    document = dict(response) if isinstance(response, dict) else response.model_dump(mode="json", exclude_none=True)
    document.pop("_hidden_params", None)
    if path not in _NAMELESS:
        document["model"] = model_id
    return orjson.dumps(document)
