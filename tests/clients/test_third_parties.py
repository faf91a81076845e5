"""The same endpoints where a third party answers, reached by LiteLLM: here another mock engine that takes another key."""

import base64
import json
from typing import Any

import openai
import pytest

from tests.clients.estate import Estate

pytestmark = pytest.mark.timeout(300)  # whoever comes first waits for the router
HELLO: Any = [{"role": "user", "content": "Hello there"}]
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TEXT = "This is the mock engine speaking . It has no model and no opinion , yet"
SOUND = ("talk.wav", b"RIFF" + bytes(3200), "audio/wav")


@pytest.fixture
def client(served: Estate) -> openai.OpenAI:
    """OpenAI's client."""
    return served.router.client(served.token)


def _events(served: Estate, path: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    response = served.router.post(path, served.token, document | {"stream": True})
    assert response.headers["content-type"].startswith("text/event-stream"), response.text
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_conversations(client: openai.OpenAI, served: Estate) -> None:
    """Chats with what belongs to them, and responses, whole and streamed, under our name for the model."""
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": TOOL["parameters"]}}]
    called: Any = client.chat.completions.create(model="far-talker", messages=HELLO, tools=tools, parallel_tool_calls=False)
    assert json.loads(called.choices[0].message.tool_calls[0].function.arguments) == {"city": "mock"}
    chosen = client.chat.completions.create(model="far-talker", messages=HELLO, n=2, logprobs=True, max_tokens=3)
    assert len(chosen.choices) == 2
    assert chosen.choices[0].logprobs is not None
    responded = client.responses.create(model="far-talker", input="Hello there", max_output_tokens=16)
    assert (responded.model, responded.output_text, responded.to_dict()["store"]) == ("far-talker", TEXT, False)
    events = _events(served, "/v1/responses", {"model": "far-talker", "input": "Hello there", "max_output_tokens": 16})
    assert events[0]["type"] == "response.created"
    assert {event["response"]["model"] for event in events if "response" in event} == {"far-talker"}
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta").strip() == TEXT


def test_messages(served: Estate) -> None:
    """Anthropic's messages, answered by a third party that does not speak them."""
    asked = {"model": "far-talker", "max_tokens": 4, "messages": HELLO}
    whole = served.router.post("/v1/messages", served.token, asked).json()
    assert (whole["type"], whole["model"], whole["content"][0]["text"]) == ("message", "far-talker", "This is the mock")
    events = _events(served, "/v1/messages", asked)
    assert events[0]["message"]["model"] == "far-talker"
    assert (
        "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta").strip() == "This is the mock"
    )
    assert events[-1]["type"] == "message_stop"
    refused = served.router.post("/v1/messages/count_tokens", served.token, {"model": "far-talker", "messages": HELLO})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "task_not_supported")


def test_what_is_no_conversation(client: openai.OpenAI) -> None:
    """Vectors, pictures, recordings, speech and judgements."""
    assert len(client.embeddings.create(model="far-vectors", input="x").data) == 1
    drawn = client.images.generate(model="far-painter", prompt="A dot").data
    assert drawn is not None
    assert base64.b64decode(drawn[0].b64_json or "").startswith(b"\x89PNG")
    edited = client.images.edit(model="far-painter", prompt="A dot", image=("a.png", b"\x89PNG", "image/png")).data
    assert edited
    assert client.audio.transcriptions.create(model="far-listener", file=SOUND).text.startswith("The mock engine")
    spoken = client.audio.speech.create(model="far-speaker", input="Read this", voice="alloy", response_format="wav")
    assert (spoken.read()[:4], spoken.response.headers["content-type"]) == (b"RIFF", "audio/wav")
    assert client.moderations.create(model="far-judge", input="forbidden").results[0].flagged


def test_what_a_third_party_does_not_do_is_refused_by_name(client: openai.OpenAI) -> None:
    """Refused here, before anything is sent, or with the third party's refusal in our shape."""
    with pytest.raises(openai.BadRequestError) as translated:
        client.audio.translations.create(model="far-listener", file=SOUND)
    assert translated.value.code == "task_not_supported"
    assert "/v1/audio/transcriptions" in translated.value.message
    with pytest.raises(openai.BadRequestError) as unknown:
        client.images.generate(model="far-painter", prompt="A dot", extra_body={"seed": 1})
    assert unknown.value.code == "unknown_field"
    with pytest.raises(openai.BadRequestError) as streamed:
        client.audio.transcriptions.create(model="far-listener", file=SOUND, stream=True)
    assert (streamed.value.code, streamed.value.param) == ("unknown_field", "stream")


def test_forms_by_an_alias(client: openai.OpenAI) -> None:
    """Ours and a third party's: a multipart body under another name for the model."""
    for model in ("Acme/listener-4.1", "Acme/far-listener-4.1"):
        assert client.audio.transcriptions.create(model=model, file=SOUND).text.startswith("The mock engine")


def test_engines_rank_documents(served: Estate) -> None:
    """Rerank as vLLM, Jina and Cohere have it, at both of its paths."""
    asked = {"model": "ranker", "query": "red apples", "documents": ["green pears", {"text": "red apples"}], "top_n": 1}
    for path in ("/v1/rerank", "/v2/rerank"):
        results = served.router.post(path, served.token, asked).json()["results"]
        assert [(one["index"], one["relevance_score"]) for one in results] == [(1, 1.0)]
