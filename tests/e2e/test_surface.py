"""The real engine behind the APIs that applications speak."""

import json
from typing import Any

import pytest

from tests.e2e.platform import Platform, Reply, send

MODEL = "smollm2-135m"
HELLO = [{"role": "user", "content": "Say something."}]


def _post(platform: Platform, path: str, body: dict[str, Any], header: str = "Authorization") -> Reply:
    key = platform.values["OPENAI_API_KEY"]
    sent = {"Content-Type": "application/json", header: key if header == "x-api-key" else f"Bearer {key}"}
    return send("POST", platform.values["OPENAI_BASE_URL"] + path, json.dumps({"model": MODEL} | body).encode(), sent)


@pytest.mark.parametrize("stream", [False, True])
def test_openais_responses(platform: Platform, stream: bool) -> None:
    """Whole, and as events that end with the whole; nothing of it can be read later."""
    reply = _post(platform, "/responses", {"input": "Say something.", "max_output_tokens": 8, "stream": stream})
    assert reply.status == 200, reply.text
    if stream:
        events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: {")]
        assert events[0]["type"] == "response.created"
        response = events[-1]["response"]
    else:
        response = reply.json
    assert response["object"] == "response"
    assert 0 < response["usage"]["output_tokens"] <= 8
    assert _post(platform, "/responses", {"input": "x", "previous_response_id": response["id"]}).status == 400


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_messages(platform: Platform, stream: bool) -> None:
    """With the key where its clients send it; refusals in its shape."""
    reply = _post(platform, "/messages", {"messages": HELLO, "max_tokens": 8, "stream": stream}, "x-api-key")
    assert reply.status == 200, reply.text
    if stream:
        events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: {")]
        assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop")
    else:
        assert reply.json["content"][0]["type"] == "text"
        assert 0 < reply.json["usage"]["output_tokens"] <= 8
    counted = _post(platform, "/messages/count_tokens", {"messages": HELLO}, "x-api-key")
    assert counted.json["input_tokens"] > 0
    absent = _post(platform, "/messages", {"model": "absent", "messages": HELLO, "max_tokens": 8}, "x-api-key")
    assert (absent.status, absent.json["type"], absent.json["error"]["type"]) == (404, "error", "not_found_error")


def test_what_this_model_does_not_do(platform: Platform) -> None:
    """Refused before it reaches the engine, with the paths at which the model answers."""
    reply = _post(platform, "/audio/speech", {"input": "x", "voice": "alloy"})
    assert (reply.status, reply.json["error"]["code"]) == (400, "task_not_supported")
    assert "/v1/chat/completions" in reply.json["error"]["message"]
