"""Usage, read from answers of every shape as they go by."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.inference import CHAT
from router.load import Load
from router.telling.reading import Reading
from router.telling.usage import Usage

DETAILS = {"prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 3}}
OPENAI = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **DETAILS}
BEGUN = {"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 1}
MESSAGE = {"type": "message_start", "message": {"content": [], "usage": BEGUN}}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}}
COMPLETED = {
    "type": "response.completed",
    "response": {
        "tools": [{"parameters": {"usage": {"type": "object"}}}],
        "usage": {"input_tokens": 9, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 2}},
        "user": None,
    },
}


def sse(document: dict[str, Any], name: str = "") -> bytes:
    """One event of a stream."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(document, separators=(',', ':'))}\n\n".encode()


def delta(text: str, **more: Any) -> bytes:
    """One event of a streamed chat."""
    return sse({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more})


ALONE = sse({"choices": [], "usage": OPENAI})
DONE = b"data: [DONE]\n\n"


def read(chunks: list[bytes], *, stream: bool, asks: bool = False, pictures: bool = False) -> tuple[Usage | None, bytes, Load]:
    """The usage told by an answer, what the caller got of it, and the load that was counted."""
    load = Load(0.0)
    reading = Reading(load, stream=stream, pictures=pictures)
    if asks:
        reading.ask(b'{"model":"m"}', {"model": "m"}, CHAT)
    got = b"".join(reading.take(chunk, more=place + 1 < len(chunks)) for place, chunk in enumerate(chunks))
    usage = reading.usage(bytes_in=400)
    reading.close(usage)
    return usage, got, load


@pytest.mark.parametrize(
    ("stream", "chunks", "expected"),
    [
        (False, [json.dumps({"choices": [{"message": {"content": "x"}}], "usage": OPENAI}).encode()], Usage(10, 5, 8, 3)),
        (False, [json.dumps({"usage": {"prompt_tokens": 7, "total_tokens": 7}, "data": [{"embedding": [0.5]}]}).encode()], Usage(7)),
        (False, [json.dumps({"results": [], "usage": {"total_tokens": 31}}).encode()], Usage(31)),
        (False, [json.dumps({"text": "hi", "usage": {"type": "duration", "seconds": 12.5}}).encode()], Usage(seconds=12.5)),
        (True, [delta("a"), delta("b"), ALONE, DONE], Usage(10, 5, 8, 3)),
        (True, [delta("a", usage=None), delta("b", usage=None), sse({"choices": [], "usage": OPENAI}), DONE], Usage(10, 5, 8, 3)),
        (True, [sse(MESSAGE, "message_start"), delta("a"), sse(DELTA, "message_delta"), sse({"type": "message_stop"})], Usage(10, 12, 6)),
        (True, [sse(MESSAGE) + delta("a") + sse(DELTA) + sse({"type": "message_stop"})], Usage(10, 12, 6)),
        (True, [sse({"type": "response.created"}), sse(COMPLETED, "response.completed")], Usage(9, 7, 2)),
        (False, [b'{"error": {"message": "no"}}'], None),
        (True, [b": waking scheduling\n\n"], None),
    ],
)
def test_usage_of_every_shape_is_read(stream: bool, chunks: list[bytes], expected: Usage | None) -> None:
    """OpenAI's chat, embeddings, responses and audio, reranking, Anthropic's messages: whole and streamed."""
    usage, got, load = read(chunks, stream=stream)
    assert usage == expected
    assert got == b"".join(chunks)
    assert load.fresh.tokens == (expected.output_tokens if expected else 0)


def test_words_of_the_model_do_not_pass_for_usage() -> None:
    """A model that writes the word, even as JSON, is not believed: inside a string the quotation marks are escaped."""
    words = json.dumps({"choices": [{"message": {"content": json.dumps({"usage": {"completion_tokens": 9}})}}]}).encode()
    assert read([words], stream=False)[0] is None
    honest = json.dumps({"content": [{"type": "tool_use", "input": {"usage": {"output_tokens": 1}}}], "usage": {"output_tokens": 70}})
    assert read([honest.encode()], stream=False)[0] == Usage(0, 70)


def test_a_stream_that_breaks_off_is_estimated() -> None:
    """Who leaves before the end pays for what was generated: an event a token, and the prompt by its length."""
    assert read([delta("a"), delta("b"), delta("c")], stream=True)[0] == Usage(100, 3, estimated=True)


def test_images_are_counted() -> None:
    """Images are counted where the model makes images, and tokens are told beside them."""
    body = json.dumps({"data": [{"b64_json": "x"}, {"b64_json": "y"}], "usage": {"input_tokens": 3, "output_tokens": 4}}).encode()
    assert read([body], stream=False, pictures=True)[0] == Usage(3, 4, images=2)


@given(st.lists(st.integers(1, 400), max_size=12))
def test_what_only_we_asked_for_is_taken_out_wherever_chunks_end(cuts: list[int]) -> None:
    """The event of the usage never reaches a caller who did not ask, and every other byte does, however the stream is cut."""
    whole = delta("a") + delta("b", usage=None) + sse({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + ALONE + DONE
    chunks: list[bytes] = []
    rest = whole
    for cut in cuts:
        chunks, rest = [*chunks, rest[:cut]], rest[cut:]
    usage, got, _ = read([*chunks, rest], stream=True, asks=True)
    assert usage == Usage(10, 5, 8, 3)
    assert got == whole.replace(ALONE, b"")


def test_a_third_partys_silent_event_is_taken_out_too() -> None:
    """LiteLLM tells usage beside a choice that says nothing; a choice that ends the stream stays, usage and all."""
    silent = sse({"choices": [{"index": 0, "delta": {}}], "usage": OPENAI})
    ending = sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": OPENAI})
    assert read([delta("a"), silent, DONE], stream=True, asks=True)[1] == delta("a") + DONE
    assert read([delta("a"), ending, DONE], stream=True, asks=True)[1] == delta("a") + ending + DONE


def test_the_caller_who_asks_gets_it() -> None:
    """`stream_options.include_usage` of the caller's own is passed on, and nothing is taken out."""
    reading = Reading(Load(0.0), stream=True)
    document = {"model": "m", "stream_options": {"include_usage": True}}
    body = json.dumps(document).encode()
    assert reading.ask(body, document, CHAT) == body
    assert reading.take(ALONE, more=True) == ALONE


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {"include_usage": False, "other": 1}}])
def test_engines_are_asked(options: dict[str, Any]) -> None:
    """The body that goes to the engine asks for usage and is otherwise the caller's; no name stands in it twice."""
    document = {"model": "m", "messages": [{"content": "{"}], **options}
    sent = Reading(Load(0.0), stream=True).ask(b" \n" + json.dumps(document).encode(), document, CHAT)
    pairs = json.loads(sent, object_pairs_hook=list)
    assert len({name for name, _ in pairs}) == len(pairs)
    asked = json.loads(sent)
    assert asked["stream_options"]["include_usage"] is True
    assert {name: value for name, value in asked.items() if name != "stream_options"} == {"model": "m", "messages": [{"content": "{"}]}
    assert asked["stream_options"].get("other") == (options.get("stream_options") or {}).get("other")


@pytest.mark.parametrize("end", [DONE, sse({"type": "message_stop"}), sse(COMPLETED, "response.completed")])
def test_the_end_is_known_when_it_goes_by(end: bytes) -> None:
    """A stream has ended for its caller before its connection does: that is when the record must be on disk."""
    reading = Reading(Load(0.0), stream=True)
    reading.take(delta("[DON"), more=True)
    assert not reading.ended
    reading.take(end, more=True)
    assert reading.ended
