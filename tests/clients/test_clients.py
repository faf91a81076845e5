"""Clients as applications use them: each streams, calls a tool, and raises its own exceptions for our refusals."""

from typing import Any

import pytest

from tests.clients.estate import TASKS, Estate

TEXT = "This is the mock engine"
TOOL = {"city": "mock", "days": 1}
HEARD = "The mock engine has heard a recording ."

REFUSALS = {
    "absent": ("NotFoundError", 404),
    "refused": ("BadRequestError", 400),
    "unknown": ("AuthenticationError", 401),
    "limited": ("RateLimitError", 429),
}
"""The exceptions of OpenAI's and Anthropic's clients, which have the same names, and the statuses in them."""

pytestmark = pytest.mark.timeout(300)  # whoever comes first waits for the router


def _refusals(seen: dict[str, Any]) -> dict[str, tuple[str, int]]:
    return {name: (seen[name]["class"], seen[name]["status"]) for name in REFUSALS}


def test_openai_in_python(served: Estate) -> None:
    """Every endpoint that it has a method for."""
    seen = served.python("with_openai.py")
    assert (seen["text"], seen["usage"], seen["tool"], seen["shaped"], seen["response_tool"]) == (TEXT, 5, TOOL, TOOL, TOOL)
    assert seen["thought"] == {"choices": 2, "logprobs": 4, "cached": 2, "reasoning": 8}
    assert {"response.created", "response.output_text.delta", "response.incomplete"} <= set(seen["events"])
    assert (seen["embedded"], seen["drawn"], seen["judged"]) == ([8, 8], 2, [False, True])
    assert seen["edited"].startswith("iVBORw")
    assert (seen["heard"], seen["translated"], seen["heard_stream"]) == (HEARD, HEARD, "transcript.text.done")
    assert seen["spoken"] == ["RIFF", 44 + 2 * 6400]
    assert set(TASKS) <= set(seen["listed"])
    assert seen["absent"] == {"class": "NotFoundError", "status": 404, "code": "model_not_found"}
    assert seen["wrong_task"] == {"class": "BadRequestError", "status": 400, "code": "task_not_supported"}
    assert seen["stored"] == seen["deleted"] == {"class": "NotFoundError", "status": 404, "code": "response_not_stored"}
    assert seen["fetched"] == {"class": "BadRequestError", "status": 400, "code": "field_not_allowed"}
    assert seen["unknown"] == {"class": "AuthenticationError", "status": 401, "code": "invalid_api_key"}
    assert seen["limited"] == {"class": "RateLimitError", "status": 429, "code": "rate_limit_exceeded"}
    assert seen["broken"] == {"class": "InternalServerError", "status": 502, "code": "engine_failed"}


def test_openai_in_node(served: Estate) -> None:
    """Chats and responses."""
    seen = served.node("openai.mjs")
    assert (seen["text"], seen["usage"], seen["tool"], seen["response_tool"]) == (TEXT, 5, TOOL, TOOL)
    assert seen["events"] == ["response.created", "response.incomplete"]
    assert _refusals(seen) == REFUSALS
    codes = [seen[name]["code"] for name in REFUSALS]
    assert codes == ["model_not_found", "stored_state_not_supported", "invalid_api_key", "rate_limit_exceeded"]


def test_anthropic_in_python(served: Estate) -> None:
    """Messages, with the key in the header of that API and its own errors."""
    seen = served.python("with_anthropic.py")
    assert (seen["text"], seen["usage"], seen["tool"], seen["streamed_tool"], seen["counted"]) == (TEXT, 5, TOOL, TOOL, 2)
    assert _refusals(seen) == REFUSALS


def test_anthropic_in_node(served: Estate) -> None:
    """The same from the other language."""
    seen = served.node("anthropic.mjs")
    assert (seen["text"], seen["usage"], seen["tool"], seen["counted"]) == (TEXT, 5, TOOL, 2)
    assert _refusals(seen) == REFUSALS


def test_langchain(served: Estate) -> None:
    """LangChain's chat model over both of OpenAI's APIs, with the exceptions that it makes of OpenAI's."""
    seen = served.python("with_langchain.py")
    for name in ("chat", "responses"):
        assert seen[name] == {"text": TEXT, "usage": 5, "tool": TOOL, "shaped": TOOL}
    names = {"absent": "ModelNotFound", "refused": "InvalidRequest", "unknown": "Authentication", "limited": "RateLimit"}
    assert _refusals(seen) == {name: (f"OpenAI{names[name]}Error", status) for name, (_, status) in REFUSALS.items()}


def test_vercels_ai_sdk(served: Estate) -> None:
    """The AI SDK over both of OpenAI's APIs."""
    seen = served.node("vercel.mjs")
    for name in ("chat", "responses"):
        assert seen[name] == {"text": TEXT, "usage": 5, "tool": TOOL, "shaped": TOOL}
    assert _refusals(seen) == {name: ("APICallError", status) for name, (_, status) in REFUSALS.items()}
