"""OpenAI's chat completions and completions, whole and as server-sent events."""

import time
from typing import Any

from engine.programs.mocked.reply import Ask, Events, Reply, Tool, choice_of, event, texts_of

_LOGPROB = -0.125


def ask_chat(body: dict[str, Any]) -> Ask:
    """The request's meaning."""
    messages = [message for message in body.get("messages", []) if isinstance(message, dict)]
    tools = [tool.get("function", tool.get("custom", {})) for tool in body.get("tools") or ()]
    return Ask(
        texts=tuple(texts_of(message.get("content")) for message in messages) or ("",),
        most=_most(body),
        tools=tuple(Tool(str(tool.get("name")), tool.get("parameters")) for tool in tools),
        choice=choice_of(body.get("tool_choice")),
        answered=bool(messages) and messages[-1].get("role") in {"tool", "function"},
        parallel=body.get("parallel_tool_calls") is True,
        schema=_schema_of(body.get("response_format")),
        thinks=body.get("reasoning_effort") not in {None, "none"},
        choices=int(body.get("n") or 1),
    )


def ask_completion(body: dict[str, Any]) -> Ask:
    """The request's meaning."""
    return Ask(texts=(texts_of(body.get("prompt")),), most=_most(body), choices=int(body.get("n") or 1))


def _most(body: dict[str, Any]) -> int | None:
    given = body.get("max_tokens") or body.get("max_completion_tokens")
    return None if given is None else int(given)


def _schema_of(form: Any) -> Any:
    if not isinstance(form, dict):
        return None
    if form.get("type") == "json_schema":
        return form.get("json_schema", {}).get("schema", {"type": "object"})
    return {"type": "object", "properties": {"answer": {"type": "string"}}} if form.get("type") == "json_object" else None


def whole_chat(reply: Reply) -> dict[str, Any]:
    """The answer as one document."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.thoughts:
        message["reasoning_content"] = " ".join(reply.thoughts)
    if reply.calls:
        message |= {"content": None, "tool_calls": [_call(reply, place, call.arguments) for place, call in enumerate(reply.calls)]}
    choices = [
        {"index": index, "message": message, "finish_reason": _finish(reply), "logprobs": _logprobs(reply, reply.pieces)}
        for index in range(reply.choices)
    ]
    return _head(reply, "chat.completion") | {"choices": choices, "usage": usage(reply)}


def stream_chat(reply: Reply) -> Events:
    """The answer as events, `[DONE]` included."""
    for index in range(reply.choices):
        for thought in reply.thoughts:
            yield _chunk(reply, index, {"role": "assistant", "reasoning_content": f"{thought} "}), True
        for piece in reply.pieces:
            yield _chunk(reply, index, {"role": "assistant", "content": piece}, logprobs=_logprobs(reply, (piece,))), True
        for place, call in enumerate(reply.calls):
            yield _chunk(reply, index, {"role": "assistant", "tool_calls": [{"index": place, **_call(reply, place, "")}]}), False
            for piece in call.pieces:
                yield _chunk(reply, index, {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}), True
        yield _chunk(reply, index, {} if reply.calls else {"content": ""}, finish=_finish(reply)), False
    yield from _last(reply, "chat.completion.chunk")


def whole_completion(reply: Reply) -> dict[str, Any]:
    """The answer as one document."""
    choices = [
        {"index": index, "text": reply.text, "finish_reason": _finish(reply), "logprobs": _old_logprobs(reply, reply.pieces)}
        for index in range(reply.choices)
    ]
    return _head(reply, "text_completion") | {"choices": choices, "usage": usage(reply)}


def stream_completion(reply: Reply) -> Events:
    """The answer as events, `[DONE]` included."""
    head = _head(reply, "text_completion")
    for index in range(reply.choices):
        for piece in reply.pieces:
            choice = {"index": index, "text": piece, "finish_reason": None, "logprobs": _old_logprobs(reply, (piece,))}
            yield event(head | {"choices": [choice]}), True
        yield event(head | {"choices": [{"index": index, "text": "", "finish_reason": _finish(reply)}]}), False
    yield from _last(reply, "text_completion")


def usage(reply: Reply) -> dict[str, Any]:
    """What it used, as chat completions tell it."""
    used = reply.usage
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.total,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def _last(reply: Reply, kind: str) -> Events:
    if (reply.asked.get("stream_options") or {}).get("include_usage"):
        yield event(_head(reply, kind) | {"choices": [], "usage": usage(reply)}), False
    yield b"data: [DONE]\n\n", False


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": f"mock-{reply.number}", "object": kind, "created": int(time.time()), "model": reply.model}


def _chunk(reply: Reply, index: int, delta: dict[str, Any], *, finish: str | None = None, logprobs: Any = None) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish} | ({"logprobs": logprobs} if logprobs else {})
    return event(_head(reply, "chat.completion.chunk") | {"choices": [choice]})


def _call(reply: Reply, place: int, arguments: str) -> dict[str, Any]:
    call = reply.calls[place]
    return {"id": f"call_{reply.number}_{place}", "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "length" if reply.cut else "stop"


def _logprobs(reply: Reply, pieces: tuple[str, ...]) -> dict[str, Any] | None:
    if not reply.asked.get("logprobs") or not pieces:
        return None
    most = int(reply.asked.get("top_logprobs") or 0)
    return {"content": [_token(piece) | {"top_logprobs": [_token(piece)] * min(most, 1)} for piece in pieces], "refusal": None}


def _token(piece: str) -> dict[str, Any]:
    return {"token": piece, "logprob": _LOGPROB, "bytes": list(piece.encode())}


def _old_logprobs(reply: Reply, pieces: tuple[str, ...]) -> dict[str, Any] | None:
    if reply.asked.get("logprobs") is None:
        return None
    offsets = [sum(len(piece) for piece in pieces[:place]) for place in range(len(pieces))]
    return {
        "tokens": list(pieces),
        "token_logprobs": [_LOGPROB] * len(pieces),
        "top_logprobs": [{piece: _LOGPROB} for piece in pieces],
        "text_offset": offsets,
    }
