"""Anthropic's messages, whole and as server-sent events."""

import json
from collections.abc import Iterator
from typing import Any, Final

from engine.programs.mocked.reply import Ask, Events, Reply, Tool, choice_of, event, texts_of, words_in


def ask(body: dict[str, Any]) -> Ask:
    """The request's meaning."""
    messages = [message for message in body.get("messages", []) if isinstance(message, dict)]
    last = messages[-1].get("content") if messages else None
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Ask(
        texts=(*([texts_of(body["system"])] if body.get("system") else []), *(texts_of(message.get("content")) for message in messages)),
        most=None if body.get("max_tokens") is None else int(body["max_tokens"]),
        tools=tuple(Tool(str(tool.get("name")), tool.get("input_schema")) for tool in body.get("tools") or ()),
        choice=choice_of(body.get("tool_choice")),
        answered=isinstance(last, list) and any(isinstance(block, dict) and block.get("type") == "tool_result" for block in last),
        schema=form.get("schema") if form.get("type") == "json_schema" else None,
        thinks=(body.get("thinking") or {}).get("type") in {"enabled", "adaptive"},
    )


def count(body: dict[str, Any]) -> dict[str, Any]:
    """How many tokens a conversation has."""
    return {"input_tokens": words_in(ask(body).texts)}


def whole(reply: Reply) -> dict[str, Any]:
    """The answer as one document."""
    return _message(reply, _blocks(reply), _reason(reply)) | {"usage": _usage(reply, reply.usage.completion)}


def stream(reply: Reply) -> Events:
    """The answer as events."""
    begun = _message(reply, [], None) | {"usage": _usage(reply, 1)}
    yield _event("message_start", message=begun), False
    yield _event("ping"), False
    for index, block in enumerate(_blocks(reply)):
        yield _event("content_block_start", index=index, content_block=_empty(block)), False
        for delta in _deltas(reply, block):
            yield _event("content_block_delta", index=index, delta=delta), True
        yield _event("content_block_stop", index=index), False
    ended = {"stop_reason": _reason(reply), "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage={"output_tokens": reply.usage.completion}), False
    yield _event("message_stop"), False


def _event(kind: str, **more: Any) -> bytes:
    return event({"type": kind, **more}, kind)


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thoughts:
        blocks.append({"type": "thinking", "thinking": " ".join(reply.thoughts), "signature": "mock"})
    for place, call in enumerate(reply.calls):
        blocks.append({"type": "tool_use", "id": f"toolu_{reply.number}_{place}", "name": call.name, "input": json.loads(call.arguments)})
    if not reply.calls:
        blocks.append({"type": "text", "text": reply.text})
    return blocks


_BLANK: Final[dict[str, dict[str, Any]]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}


def _empty(block: dict[str, Any]) -> dict[str, Any]:
    return block | _BLANK[block["type"]]


def _deltas(reply: Reply, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in reply.pieces)
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": f"{thought} "} for thought in reply.thoughts)
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        call = next(call for call in reply.calls if call.name == block["name"])
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in call.pieces)


def _message(reply: Reply, blocks: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
    head = {"id": f"msg_{reply.number}", "type": "message", "role": "assistant", "model": reply.model}
    return head | {"content": blocks, "stop_reason": reason, "stop_sequence": None}


def _reason(reply: Reply) -> str:
    return "tool_use" if reply.calls else "max_tokens" if reply.cut else "end_turn"


def _usage(reply: Reply, output: int) -> dict[str, Any]:
    used = reply.usage
    cached = {"cache_read_input_tokens": used.cached, "cache_creation_input_tokens": 0}
    return {"input_tokens": used.prompt - used.cached, **cached, "output_tokens": output}
