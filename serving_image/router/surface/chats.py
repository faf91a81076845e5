"""What conversations may be asked: chat completions, completions, responses and Anthropic's messages."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.model import Features
from router.errors import bad_request
from router.surface.parts import check_content, images_refused, refused

_TOOL_FIELDS: Final = ("tools", "functions", "tool_choice", "function_call")
_NO_TOOLS: Final[tuple[Any, ...]] = (None, [], "none")
_OWN_TOOLS: Final = frozenset({"function", "custom"})
"""Tools that the caller runs; all others are run by whoever answers, over there, and some fetch what the request names."""
_STORED: Final = ("previous_response_id", "conversation", "prompt", "background", "store")
_ITEMS: Final = frozenset(
    {"message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning", "compaction"}
)
_MOST_PROMPTS: Final = 128
_ELSEWHERE: Final = ("mcp_servers", "container", "context_management")
_BLOCKS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature", "cache_control"}),
    "redacted_thinking": frozenset({"type", "data", "cache_control"}),
}
_SOURCE: Final = frozenset({"type", "media_type", "data"})


def check_chat(document: Mapping[str, Any], features: Features, model: str) -> None:
    """Refuse (ApiError 400) what a chat or completion may not ask."""
    messages = document.get("messages")
    if isinstance(messages, list):
        for place, message in enumerate(messages):
            if isinstance(message, dict):
                content = message.get("content")
                if not isinstance(content, str):
                    check_content(content, f"messages[{place}].content", features, model)
    prompts = document.get("prompt")
    if isinstance(prompts, list) and len(prompts) > _MOST_PROMPTS and not isinstance(prompts[0], int):
        raise bad_request("too_many_prompts", f"`prompt` takes at most {_MOST_PROMPTS} texts.", "prompt")
    if not features.tool_calls:
        _refuse_tools(document, model)
    for place, tool in enumerate(_listed(document.get("tools"))):
        if isinstance(tool, dict) and (tool.get("type") == "mcp" or any(name.startswith(("server_", "connector_")) for name in tool)):
            raise bad_request("tool_not_allowed", "Tools on servers that the request names are not called.", f"tools[{place}]")


def check_response(document: Mapping[str, Any], features: Features, model: str) -> None:
    """Refuse (ApiError 400) what a request for a response may not ask: nothing is kept here, nothing fetched, no tool run."""
    for name in _STORED:
        value = document.get(name)
        if value is not None and value is not False:
            message = f"`{name}` needs what is kept by the server, and nothing is; send the whole conversation with each request."
            raise bad_request("stored_state_not_supported", message, name)
    if not features.tool_calls:
        _refuse_tools(document, model)
    _check_own_tools(document.get("tools"), default=None)
    given = document.get("input")
    if isinstance(given, dict):
        raise refused("`input` takes a text or a list of items.", "input")
    for place, item in enumerate(_listed(given)):
        if not isinstance(item, dict):
            continue
        kind = item.get("type", "message")
        if not isinstance(kind, str) or kind not in _ITEMS:
            raise refused("An item of this type needs what is kept or run by the server.", f"input[{place}]")
        for name in ("content", "output"):
            if name in item and kind != "reasoning":
                check_content(item[name], f"input[{place}].{name}", features, model)


def check_messages(document: Mapping[str, Any], features: Features, model: str) -> None:
    """Refuse (ApiError 400) what Anthropic's messages may not ask."""
    for name in _ELSEWHERE:
        if document.get(name) is not None:
            raise bad_request("field_not_allowed", f"`{name}` is not for callers to set.", name)
    if not features.tool_calls and document.get("tools"):
        raise bad_request("tools_not_supported", f"`{model}` does not call tools.", "tools")
    _check_own_tools(document.get("tools"), default="custom")
    _check_blocks(document.get("system"), "system", features, model)
    for place, message in enumerate(_listed(document.get("messages"))):
        if isinstance(message, dict):
            _check_blocks(message.get("content"), f"messages[{place}].content", features, model)


def _check_blocks(content: Any, place: str, features: Features, model: str) -> None:
    if isinstance(content, dict):
        raise refused("`content` takes a text or a list of blocks.", place)
    for block in _listed(content):
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        allowed = _BLOCKS.get(kind) if isinstance(kind, str) else None
        if allowed is None or block.keys() - allowed:
            raise refused(f"`{model}` does not take content of this type, or not with all of these fields.", place)
        if kind == "image":
            _check_source(block.get("source"), place, features, model)
        elif kind == "tool_result":
            _check_blocks(block.get("content"), place, features, model)


def _check_source(source: Any, place: str, features: Features, model: str) -> None:
    if not features.image_input:
        raise images_refused(model, place)
    good = isinstance(source, dict) and source.get("type") == "base64" and not source.keys() - _SOURCE
    kind = source.get("media_type") if good else None
    data = source.get("data") if good else None
    if not (isinstance(kind, str) and kind.startswith("image/") and isinstance(data, str) and ":" not in data):
        raise bad_request("image_url_not_allowed", "Send images inline, with a source of type base64; addresses are not fetched.", place)


def _check_own_tools(tools: Any, default: str | None) -> None:
    for place, tool in enumerate(_listed(tools)):
        kind = tool.get("type", default) if isinstance(tool, dict) else default
        if isinstance(tool, dict) and not (isinstance(kind, str) and kind in _OWN_TOOLS):
            message = "Only tools that the caller runs are taken (`function`, `custom`); none is run here, or fetches anything."
            raise bad_request("tool_not_allowed", message, f"tools[{place}]")


def _refuse_tools(document: Mapping[str, Any], model: str) -> None:
    for name in _TOOL_FIELDS:
        if name in document and document[name] not in _NO_TOOLS:
            raise bad_request("tools_not_supported", f"`{model}` does not call tools.", name)


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
