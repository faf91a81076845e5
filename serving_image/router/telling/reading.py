"""Reading an answer's usage as it goes by, and taking out again what only we had asked for.

Nothing is parsed on the way: a chunk is searched for `"usage"` once, and the first and the last that hold it are read when the answer has
ended. Engines tell the usage of a stream in an event of its own, if they are asked to (`stream_options.include_usage`); where the caller
did not ask, that event is taken out again, which is why a chunk that ends within an event waits for the rest of it.
"""

from typing import Any, Final

import orjson

from contracts.inference import CHAT, COMPLETIONS
from router.load import Load
from router.telling.usage import MARK, Usage, first_object, last_object, usage_of

_EVENT: Final = b"data: {"
_END: Final = b"\n\n"
_CARRIED: Final = 2048
_MOST_HELD: Final = 1_000_000
_TAIL: Final = 200
_OPTIONS: Final = b'"stream_options":{"include_usage":true},'
_ASKED_AT: Final = frozenset({CHAT, COMPLETIONS})
_IMAGES: Final = (b'"b64_json"', b'"url"')
_CHARACTERS_A_TOKEN: Final = 4


class Reading:
    """One answer. `load` is told of tokens as they come: `usage` where the answer holds it, else one for each event of a stream.

    `ended` once the caller has, or is about to have, all of the answer that means anything.
    """

    __slots__ = ("_carry", "_events", "_first", "_held", "_images", "_last", "_load", "_stream", "_trims", "ended", "pictures")

    def __init__(self, load: Load, *, stream: bool, pictures: bool = False) -> None:
        self._load, self._stream, self.pictures = load, stream, pictures
        self._events = self._images = 0
        self._trims = self.ended = False
        self._carry = self._held = b""
        self._first: bytes | None = None
        self._last: bytes | None = None

    def ask(self, body: bytes, document: dict[str, Any], path: str) -> bytes:
        """The body to send, which asks for the stream's usage. `document` is what `body` holds, and stays as it is."""
        if not self._asks(document, path):
            return body
        if "stream_options" not in document:
            start = body.index(b"{") + 1
            return b"%b%b%b" % (body[:start], _OPTIONS, body[start:])
        parsed: dict[str, Any] = orjson.loads(body)
        return orjson.dumps(parsed | {"stream_options": _with_usage(parsed)})

    def ask_in(self, document: dict[str, Any], path: str) -> dict[str, Any]:
        """The same for who takes a document and no bytes."""
        return document | {"stream_options": _with_usage(document)} if self._asks(document, path) else document

    def _asks(self, document: dict[str, Any], path: str) -> bool:
        options = document.get("stream_options")
        told = isinstance(options, dict) and bool(options.get("include_usage"))
        self._trims = self._stream and not told and path in _ASKED_AT
        return self._trims

    def take(self, chunk: bytes, *, more: bool) -> bytes:
        """The part of the body that goes on to the caller now, for the part that has come."""
        if self._trims:
            chunk = self._whole(chunk, more=more)
        if self._stream:
            if events := chunk.count(_EVENT):
                self._events += events
                self._load.spoke(events)
            tail = chunk[-_TAIL:]
            self.ended = self.ended or b"[DONE]" in tail or b"message_stop" in tail
        elif self.pictures:
            self._images += max(chunk.count(mark) for mark in _IMAGES)
        seen = self._carry + chunk if self._carry else chunk
        self._carry = seen[-_CARRIED:] if more and chunk[-1:] != b"\n" else b""
        if MARK in seen:
            if self._first is None:
                self._first = seen
            self._last = seen
            if self._stream and b'"response.completed"' in chunk:
                self.ended = True
            if self._trims:
                chunk = self._trimmed(chunk)
        if not more:
            self.ended = True
        return chunk

    def usage(self, bytes_in: int) -> Usage | None:
        """What the answer tells; what can be estimated of a stream that broke off; None where nothing was answered."""
        told: dict[str, Any] = {}
        if self._first is not None and self._last is not None:
            told = first_object(self._first) or {}
            told |= last_object(self._last) or {}
        found = usage_of(told)
        if found is None and self._events:
            return Usage(bytes_in // _CHARACTERS_A_TOKEN, self._events, estimated=True)
        if self._stream and self._events and found is not None and not found.output_tokens > 0 and not self.ended:
            return found._replace(output_tokens=self._events, estimated=True)
        if self._images:
            return (found or Usage())._replace(images=self._images)
        return found

    def close(self, usage: Usage | None) -> None:
        """There is no more: put the count of tokens right."""
        if usage is not None and not usage.estimated:
            self._load.spoke(usage.output_tokens - self._events)

    def _whole(self, chunk: bytes, *, more: bool) -> bytes:
        """What has come up to the end of an event; the rest waits. All of it at the end, or where no event ends for a megabyte."""
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        if not more or chunk.endswith(_END) or len(chunk) > _MOST_HELD:
            return chunk
        cut = chunk.rfind(_END)
        cut = cut + len(_END) if cut >= 0 else 0
        self._held = chunk[cut:]
        return chunk[:cut]

    def _trimmed(self, chunk: bytes) -> bytes:
        events = chunk.split(_END)
        kept = [event for event in events if MARK not in event or not _tells_usage_alone(event)]
        return chunk if len(kept) == len(events) else _END.join(kept)


def _tells_usage_alone(event: bytes) -> bool:
    """Whether an event says nothing but the usage: no choices, or choices without a word."""
    start = event.find(b"data:")
    try:
        document = orjson.loads(event[start + 5 :]) if start >= 0 else None
    except orjson.JSONDecodeError:
        return False
    if not isinstance(document, dict) or not isinstance(document.get("usage"), dict) or not isinstance(document.get("choices"), list):
        return False
    return all(isinstance(choice, dict) and _is_silent(choice) for choice in document["choices"])


def _is_silent(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta")
    said = any(delta.values()) if isinstance(delta, dict) else bool(delta)
    return not (said or choice.get("text") or choice.get("finish_reason") or choice.get("logprobs"))


def _with_usage(document: dict[str, Any]) -> dict[str, Any]:
    options = document.get("stream_options")
    return (options if isinstance(options, dict) else {}) | {"include_usage": True}
