"""What a request may ask: its size and shape, the fields that would redirect it, and the features of the model it names."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from router.errors import bad_request
from router.routes import EMBEDDINGS, Prepared

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
        "cache_salt", "request_id", "id_slot", "slot_id",
    }
)  # fmt: skip
"""Refused at the top level of every request: they would change where it goes, with which key, or what guards it."""

REDIRECTING_PREFIXES: Final = ("aws_", "azure_", "vertex_", "litellm_", "mock_", "watsonx_", "gcp_", "google_", "oci_")

_IMAGE_PARTS: Final = frozenset({"image_url", "input_image"})
_TEXT_PARTS: Final = frozenset({"text", "input_text", "refusal"})
_TEXT_FIELDS: Final = frozenset({"type", "text", "refusal", "cache_control", "annotations"})
_IMAGE_FIELDS: Final = frozenset({"type", "image_url", "detail", "cache_control"})
"""What parts of a message may hold. Engines look for addresses to fetch under many names, some whatever the part's type says."""
_TOOL_FIELDS: Final = ("tools", "functions", "tool_choice", "function_call")
_NO_TOOLS: Final[tuple[Any, ...]] = (None, [], "none")


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


def check(document: Mapping[str, Any], prepared: Prepared, path: str) -> bool:
    """Refuse (ApiError 400) what the model's row does not allow; answers whether a stream is asked for."""
    check_fields(document)
    stream = document.get("stream", False)
    if stream is not None and not isinstance(stream, bool):
        raise bad_request("invalid_type", "`stream` must be true or false.", "stream")
    features = prepared.route.features
    _check_parts(document.get("messages"), image_input=features.image_input, model=prepared.route.model_id)
    if path == EMBEDDINGS:
        _check_input(document.get("input"))
        return False
    if stream and not features.streaming:
        raise bad_request("streaming_not_supported", f"`{prepared.route.model_id}` does not stream; leave out `stream`.", "stream")
    if not features.tool_calls:
        for name in _TOOL_FIELDS:
            if name in document and document[name] not in _NO_TOOLS:
                raise bad_request("tools_not_supported", f"`{prepared.route.model_id}` does not call tools.", name)
    _check_tools(document.get("tools"))
    return bool(stream)


def check_fields(document: Mapping[str, Any]) -> None:
    """Refuse (ApiError 400) fields that would redirect the request."""
    refused = REDIRECTING & document.keys() or {name for name in document if name.startswith(REDIRECTING_PREFIXES)}
    if refused:
        name = min(refused)[:64]
        raise bad_request("field_not_allowed", f"`{name}` is not for callers to set.", name)


def with_defaults(body: bytes, document: dict[str, Any], prepared: Prepared) -> bytes:
    """The body to send: as it came, or with the model's generation defaults where the request says nothing."""
    missing = missing_defaults(document, prepared)
    return orjson.dumps(document | missing) if missing else body


def missing_defaults(document: Mapping[str, Any], prepared: Prepared) -> dict[str, Any]:
    """The model's generation defaults about which the request says nothing."""
    return {
        name: value
        for name, value in prepared.defaults.items()
        if document.get(name) is None and not (name == "max_tokens" and document.get("max_completion_tokens") is not None)
    }


def _check_tools(tools: Any) -> None:
    """A tool that is called by whoever answers, at an address that the caller names, is none that we let through."""
    for place, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict) and (tool.get("type") == "mcp" or any(name.startswith(("server_", "connector_")) for name in tool)):
            raise bad_request("tool_not_allowed", "Tools on servers that the request names are not called.", f"tools[{place}]")


def _check_input(given: Any) -> None:
    """What is to be embedded: text or tokens, as OpenAI's API takes them; some engines would fetch what an object names."""
    if given is not None and any(isinstance(one, dict) for one in (given if isinstance(given, list) else [given])):
        raise bad_request("input_not_supported", "`input` takes text or tokens.", "input")


def _check_parts(messages: Any, *, image_input: bool, model: str) -> None:
    if not isinstance(messages, list):
        return
    for place, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, dict):
            raise bad_request("input_not_supported", "`content` takes a text or a list of parts.", f"messages[{place}].content")
        if isinstance(content, list):
            for part in content:
                _check_part(part, f"messages[{place}].content", image_input=image_input, model=model)


def _check_part(part: Any, place: str, *, image_input: bool, model: str) -> None:
    if not isinstance(part, dict):
        return
    kind = part.get("type", "text")
    if not isinstance(kind, str) or kind not in _TEXT_PARTS | _IMAGE_PARTS:
        raise bad_request("input_not_supported", f"`{model}` does not take content of this type.", place)
    is_image = kind in _IMAGE_PARTS
    if is_image and not image_input:
        raise bad_request("images_not_supported", f"`{model}` does not take images.", place)
    if part.keys() - (_IMAGE_FIELDS if is_image else _TEXT_FIELDS):
        raise bad_request("input_not_supported", f"A part of type {kind} does not take all of these fields.", place)
    if is_image:
        _check_image(part.get("image_url"), place)


def _check_image(image: Any, place: str) -> None:
    """Inline or not at all: whoever fetched an address would do so from inside."""
    address = image.get("url") if isinstance(image, dict) else image
    if not (isinstance(address, str) and address.startswith("data:image/")):
        raise bad_request("image_url_not_allowed", "Send images inline as data:image/…; addresses are not fetched.", place)


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
