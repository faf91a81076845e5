"""OpenAI's responses, whole and as server-sent events."""

import itertools
import time
from collections.abc import Callable
from typing import Any

from engine.programs.mocked.reply import Ask, Events, Reply, Tool, choice_of, event, texts_of


def ask(body: dict[str, Any]) -> Ask:
    """The request's meaning."""
    given = body.get("input")
    items = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    texts = [texts_of(item) for item in items] or [texts_of(given)]
    form = (body.get("text") or {}).get("format") or {}
    return Ask(
        texts=(*([str(body["instructions"])] if body.get("instructions") else []), *texts),
        most=None if body.get("max_output_tokens") is None else int(body["max_output_tokens"]),
        tools=tuple(Tool(str(tool.get("name")), tool.get("parameters")) for tool in body.get("tools") or ()),
        choice=choice_of(body.get("tool_choice")),
        answered=bool(items) and str(items[-1].get("type", "")).endswith("_output"),
        parallel=body.get("parallel_tool_calls") is True,
        schema=form.get("schema", {"type": "object"}) if form.get("type") in {"json_schema", "json_object"} else None,
        thinks=bool((body.get("reasoning") or {}).get("effort") not in {None, "none"}),
    )


def whole(reply: Reply) -> dict[str, Any]:
    """The answer as one document."""
    return _response(reply, "incomplete" if reply.cut else "completed", _items(reply, "completed"))


def stream(reply: Reply) -> Events:
    """The answer as events. There is no `[DONE]` in this API."""
    numbers = itertools.count()

    def tell(kind: str, **more: Any) -> bytes:
        return event({"type": kind, "sequence_number": next(numbers), **more}, kind)

    begun = _response(reply, "in_progress", [])
    yield tell("response.created", response=begun), False
    yield tell("response.in_progress", response=begun), False
    for place, (empty, full) in enumerate(zip(_items(reply, "in_progress"), _items(reply, "completed"), strict=True)):
        yield tell("response.output_item.added", output_index=place, item=empty), False
        where = {"output_index": place, "item_id": full["id"]}
        if full["type"] == "message":
            yield from _text(reply, full, where, tell)
        elif full["type"] == "function_call":
            yield from _arguments(reply, full, where, tell)
        yield tell("response.output_item.done", output_index=place, item=full), False
    last = whole(reply)
    yield tell(f"response.{last['status']}", response=last), False


def _text(reply: Reply, item: dict[str, Any], where: dict[str, Any], tell: Callable[..., bytes]) -> Events:
    where = where | {"content_index": 0}
    part = item["content"][0]
    yield tell("response.content_part.added", **where, part=part | {"text": ""}), False
    for piece in reply.pieces:
        yield tell("response.output_text.delta", **where, delta=piece, logprobs=[]), True
    yield tell("response.output_text.done", **where, text=reply.text, logprobs=[]), False
    yield tell("response.content_part.done", **where, part=part), False


def _arguments(reply: Reply, item: dict[str, Any], where: dict[str, Any], tell: Callable[..., bytes]) -> Events:
    call = next(call for call in reply.calls if call.name == item["name"])
    for piece in call.pieces:
        yield tell("response.function_call_arguments.delta", **where, delta=piece), True
    yield tell("response.function_call_arguments.done", **where, name=call.name, arguments=call.arguments), False


def _items(reply: Reply, status: str) -> list[dict[str, Any]]:
    done = status == "completed"
    items: list[dict[str, Any]] = []
    if reply.thoughts:
        summary = [{"type": "summary_text", "text": " ".join(reply.thoughts)}] if done else []
        items.append({"id": f"rs_{reply.number}", "type": "reasoning", "summary": summary})
    for place, call in enumerate(reply.calls):
        told = {"name": call.name, "arguments": call.arguments if done else "", "call_id": f"call_{reply.number}_{place}"}
        items.append({"id": f"fc_{reply.number}_{place}", "type": "function_call", "status": status, **told})
    if not reply.calls:
        content = [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}] if done else []
        items.append({"id": f"msg_{reply.number}", "type": "message", "status": status, "role": "assistant", "content": content})
    return items


def _response(reply: Reply, status: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    asked, used = reply.asked, reply.usage
    usage = {
        "input_tokens": used.prompt,
        "input_tokens_details": {"cached_tokens": used.cached},
        "output_tokens": used.completion,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.total,
    }
    return {
        "id": f"resp_{reply.number}",
        "object": "response",
        "created_at": int(time.time()),
        "model": reply.model,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "metadata": asked.get("metadata") or {},
        "output": items,
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": asked.get("reasoning") or {"effort": None, "summary": None},
        "store": False,
        "temperature": asked.get("temperature", 1.0),
        "text": asked.get("text") or {"format": {"type": "text"}},
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools") or [],
        "top_p": asked.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None if status == "in_progress" else usage,
    }
