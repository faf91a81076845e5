"""What one answer used, found in its bytes without parsing them: only the small object behind `"usage"` is read.

The names are those of OpenAI's chat, completions, embeddings and responses, of Anthropic's messages, and of what others answer for
reranking and audio. Text of a model cannot pass for it: inside a JSON string the quotation marks would be escaped.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

MARK: Final = b'"usage"'
_LONGEST: Final = 4096
_LOOKS: Final = 8
_MOST: Final = 10**9
_BLANK: Final = b" \t\r\n:"


class Usage(NamedTuple):
    """What a request used. Tokens and images are counts, `seconds` of audio, `characters` of text that was spoken.

    `input_tokens` holds `cached_tokens`, `output_tokens` holds `reasoning_tokens`. `estimated`: the answer ended before it told its usage,
    so that the input is four characters a token and the output one token an event.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    seconds: float = 0.0
    characters: int = 0
    estimated: bool = False


def first_object(data: bytes) -> dict[str, Any] | None:
    """The first usage object in `data`; None if there is none."""
    return _first_of(data, data.find(MARK), lambda place: data.find(MARK, place + 1))


def last_object(data: bytes) -> dict[str, Any] | None:
    """The last usage object in `data`; None if there is none."""
    return _first_of(data, data.rfind(MARK), lambda place: data.rfind(MARK, 0, place))


def _first_of(data: bytes, place: int, further: Callable[[int], int]) -> dict[str, Any] | None:
    """The object behind the mark at `place`, or at the next one that `further` finds (-1: there is none) and that has one."""
    for _ in range(_LOOKS):
        if place < 0:
            return None
        found = _object_at(data, place + len(MARK))
        if found is not None:
            return found
        place = further(place)
    return None


def usage_of(told: Mapping[str, Any]) -> Usage | None:
    """The usage that an object of any of the known shapes tells; None if it tells none."""
    took = _count(told, "prompt_tokens", "input_tokens")
    gave = _count(told, "completion_tokens", "output_tokens")
    seconds = told.get("seconds", told.get("audio_seconds"))
    spoken = _count(told, "characters")
    heard = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds <= _MOST else None
    if took is None and gave is None:
        took = _count(told, "total_tokens")  # reranking: there is nothing but input
    if took is None and gave is None and heard is None and spoken is None:
        return None
    cached = _count(_details(told, "prompt_tokens_details", "input_tokens_details"), "cached_tokens") or 0
    if (read := _count(told, "cache_read_input_tokens")) is not None:  # Anthropic counts what came from the cache beside the input
        cached = read
        took = (took or 0) + read + (_count(told, "cache_creation_input_tokens") or 0)
    elif (written := _count(told, "cache_creation_input_tokens")) is not None:
        took = (took or 0) + written
    reasoned = _count(_details(told, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens") or 0
    return Usage(took or 0, gave or 0, min(cached, took or 0), min(reasoned, gave or 0), seconds=heard or 0.0, characters=spoken or 0)


def _object_at(data: bytes, place: int) -> dict[str, Any] | None:
    """The JSON object that begins behind the name that ends at `place`. Its text holds no braces but its own."""
    limit = min(len(data), place + _LONGEST)
    while place < limit and data[place] in _BLANK:
        place += 1
    if place >= limit or data[place : place + 1] != b"{":
        return None
    end = place
    while (end := data.find(b"}", end, limit)) >= 0:
        end += 1
        if data.count(b"{", place, end) == data.count(b"}", place, end):
            try:
                found = orjson.loads(data[place:end])
            except orjson.JSONDecodeError:
                return None
            return found if isinstance(found, dict) else None
    return None


def _count(told: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = told.get(name)
        if type(value) is int and 0 <= value <= _MOST:
            return value
    return None


def _details(told: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = told.get(name)
        if isinstance(value, dict):
            return value
    return {}
