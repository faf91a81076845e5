"""What a request may ask: its size and shape, the fields that would redirect it, and the features of the model it names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import orjson

from contracts import inference
from contracts.model import Features, GenerationDefaults
from router.errors import bad_request
from router.provider_calls import fields_of
from router.routes import Prepared
from router.surface import chats, forms, media

REDIRECTING: Final = frozenset(
    {
        "api_base", "api_key", "api_type", "api_version", "base_url", "base_model", "client", "http_client", "organization", "project",
        "model_list", "user_config", "custom_llm_provider", "extra_headers", "extra_body", "extra_query", "headers", "default_headers",
        "proxy", "proxies", "ssl_verify", "timeout", "request_timeout", "num_retries", "max_retries", "fallbacks", "default_fallbacks",
        "context_window_fallbacks", "context_window_fallback_dict", "content_policy_fallbacks", "deployment_id", "specific_deployment",
        "router", "model_info", "mock_response", "mock_tool_calls", "callbacks", "success_callback", "failure_callback", "cache",
        "caching", "no-log", "logger_fn", "input_cost_per_token", "output_cost_per_token", "region_name", "credentials",
        "hf_model_name", "custom_prompt_dict", "prompt_id", "use_in_pass_through", "configurable_clientside_auth_params",
        "allow_client_side_credentials", "chat_template", "chat_template_kwargs_override",
        "prompt_embeds", "kv_transfer_params", "priority",
        "cache_salt", "request_id", "id_slot", "slot_id", "n_predict", "mm_processor_kwargs", "media_io_kwargs",
    }
)  # fmt: skip
"""Refused at the top level of every request: they would change where it goes, with which key, or what guards it."""

REDIRECTING_PREFIXES: Final = ("aws_", "azure_", "vertex_", "litellm_", "mock_", "watsonx_", "gcp_", "google_", "oci_")

_COUNTS: Final = (
    ("n", 128),
    ("best_of", 128),
    ("max_tokens", 10_000_000),
    ("max_completion_tokens", 10_000_000),
    ("max_output_tokens", 10_000_000),
)
"""What multiplies the work of one request, and the most that anybody may ask for. Limits set lower ones."""

Check = Callable[[Mapping[str, Any], Features, str], None]
_CHECKS: Final[Mapping[str, Check]] = {
    inference.CHAT: chats.check_chat,
    inference.COMPLETIONS: chats.check_chat,
    inference.RESPONSES: chats.check_response,
    inference.MESSAGES: chats.check_messages,
    inference.COUNT_TOKENS: chats.check_messages,
    inference.EMBEDDINGS: media.check_embedding,
    inference.RERANK: media.check_rerank,
    inference.RERANK_2: media.check_rerank,
    inference.IMAGES: media.check_picture,
    inference.IMAGE_EDITS: media.check_edit,
    inference.TRANSCRIPTIONS: media.check_transcription,
    inference.TRANSLATIONS: media.check_translation,
    inference.SPEECH: media.check_speech,
    inference.MODERATIONS: media.check_moderation,
}
_SAMPLING: Final = ("temperature", "top_p")
_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    inference.CHAT: {name: name for name in GenerationDefaults.model_fields},
    inference.COMPLETIONS: {name: name for name in GenerationDefaults.model_fields},
    inference.RESPONSES: {"max_tokens": "max_output_tokens"} | {name: name for name in _SAMPLING},
    inference.MESSAGES: {"stop": "stop_sequences"} | {name: name for name in ("max_tokens", "top_k", *_SAMPLING)},
}
"""What the model's generation defaults are called in each API that knows of them."""
_OF_THIRD_PARTIES: Final[Mapping[str, Mapping[str, str]]] = {
    path: {name: said for name, said in names.items() if said in fields_of(path)} for path, names in _DEFAULTS.items()
}
"""Those of them that third parties take. A default is a wish where nothing is said, so what they do not take is left out; what a caller
says that they do not take is refused (`provider_calls.fields_for`)."""


def parse(body: bytes, max_depth: int) -> dict[str, Any]:
    """The request's JSON object; ApiError 400 for anything else, or for one nested deeper than `max_depth`."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise bad_request("invalid_json", "The body is not valid JSON.") from None
    if not isinstance(document, dict):
        raise bad_request("invalid_json", "The body must be a JSON object.")
    if body.count(b"{") + body.count(b"[") > max_depth and _is_deeper(document, max_depth):
        raise bad_request("too_deep", f"The body is nested deeper than {max_depth} levels.")
    return document


def model_of(document: Mapping[str, Any]) -> str:
    """The model that the request names; ApiError 400 if it names none."""
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise bad_request("model_missing", "`model` must name a model.", "model")
    return model


def under_its_id(document: dict[str, Any], body: bytes, model_id: str, *, form: bool) -> tuple[dict[str, Any], bytes]:
    """The request for a model that was named by an alias, as its engine knows it."""
    document = document | {"model": model_id}
    return document, forms.with_text(body, "model", model_id) if form else orjson.dumps(document)


def check(document: Mapping[str, Any], prepared: Prepared, path: str) -> bool:
    """Refuse (ApiError 400) what the model's row does not allow at `path`; answers whether a stream is asked for."""
    check_fields(document)
    stream = document.get("stream", False)
    if stream is not None and not isinstance(stream, bool):
        raise bad_request("invalid_type", "`stream` must be true or false.", "stream")
    if not inference.ENDPOINTS[path].form:
        _check_counts(document)
    route = prepared.route
    _CHECKS[path](document, route.features, route.model_id)
    if stream and path != inference.EMBEDDINGS:
        if not inference.ENDPOINTS[path].streams:
            raise bad_request("streaming_not_supported", f"{path} does not stream; leave out `stream`.", "stream")
        if not route.features.streaming:
            raise bad_request("streaming_not_supported", f"`{route.model_id}` does not stream; leave out `stream`.", "stream")
        return True
    return False


def _check_counts(document: Mapping[str, Any]) -> None:
    """Refuse (ApiError 400) counts that are none, or too high for anybody: some engines make numbers of texts, and limits do not."""
    for name, most in _COUNTS:
        value = document.get(name)
        if value is not None and (type(value) is not int or not 0 <= value <= most):
            raise bad_request("invalid_value", f"`{name}` must be a whole number, at most {most}.", name)


def check_fields(document: Mapping[str, Any]) -> None:
    """Refuse (ApiError 400) fields that would redirect the request."""
    refused = REDIRECTING & document.keys() or {name for name in document if name.startswith(REDIRECTING_PREFIXES)}
    if refused:
        name = min(refused)[:64]
        raise bad_request("field_not_allowed", f"`{name}` is not for callers to set.", name)


def with_defaults(body: bytes, document: dict[str, Any], prepared: Prepared, path: str) -> bytes:
    """The body to send: as it came, or with the model's generation defaults where the request says nothing."""
    missing = missing_defaults(document, prepared, path)
    return orjson.dumps(document | missing) if missing else body


def missing_defaults(document: Mapping[str, Any], prepared: Prepared, path: str) -> dict[str, Any]:
    """The model's generation defaults about which the request says nothing, under the names that they have at `path`; of a third party's
    model those that it takes there."""
    names = (_DEFAULTS if prepared.route.hosting == "hosted" else _OF_THIRD_PARTIES).get(path)
    if names is None or not prepared.defaults:
        return {}
    return {
        names[name]: value
        for name, value in prepared.defaults.items()
        if name in names
        and document.get(names[name]) is None
        and not (name == "max_tokens" and document.get("max_completion_tokens") is not None)
    }


def _is_deeper(document: Any, max_depth: int) -> bool:
    level: list[Any] = [document]
    for _ in range(max_depth):
        level = [child for value in level for child in _children(value)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    members = value.values() if isinstance(value, dict) else value
    return (member for member in members if isinstance(member, dict | list))
