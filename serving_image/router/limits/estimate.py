"""What a request will use, guessed before it is sent: about four characters a token in, and as many tokens out as it may ask for.

It is a reservation, put right by what the answer tells that it used. It is meant to be a little high; where it is low (languages with more
tokens a character, models that go on beyond what was asked), the rest is taken when the request is settled.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_SHORT: Final = 8_192
_CHARACTERS: Final = 4
_INLINE: Final = 4_000
"""Characters that an inline image or sound is taken for, whatever its bytes: models count about a thousand tokens."""
_DATA: Final = "data:"
_MOST_TOKENS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
WRITING: Final = frozenset({"chat", "completion"})
"""The tasks whose answers are as long as they are asked to be."""


class Estimate(NamedTuple):
    """Tokens in, tokens out of one answer, and how many answers."""

    input: int
    output: int
    choices: int


def most_tokens(document: Mapping[str, Any]) -> int | None:
    """How many tokens the request allows an answer; None where it says nothing that counts."""
    for name in _MOST_TOKENS:
        value = document.get(name)
        if type(value) is int and value > 0:
            return value
    return None


def choices(document: Mapping[str, Any]) -> int:
    """How many answers the request has made: `n`, or `best_of` where that is more; 1 for what is no count."""
    wanted = document.get("n")
    tried = document.get("best_of")
    if wanted is None and tried is None:
        return 1
    return max([1, *(value for value in (wanted, tried) if type(value) is int)])


def estimate(document: Mapping[str, Any], size: int, task: str, default_output: int) -> Estimate:
    """The estimate for a request of `size` bytes to a model for `task`. `default_output`: tokens out where the request says nothing."""
    took = size if size <= _SHORT else _characters(document)
    if task not in WRITING:
        return Estimate(took // _CHARACTERS, 0, 1)
    return Estimate(took // _CHARACTERS, most_tokens(document) or default_output, choices(document))


def _characters(document: Mapping[str, Any]) -> int:
    """The characters of every text in the request, inline media aside."""
    total = 0
    ahead: list[Any] = list(document.values())
    while ahead:
        value = ahead.pop()
        if isinstance(value, str):
            total += _INLINE if value.startswith(_DATA) else len(value)
        elif isinstance(value, list):
            ahead.extend(value)
        elif isinstance(value, dict):
            ahead.extend(value.values())
        else:
            total += _CHARACTERS  # a number is about a token: embeddings take lists of them
    return total
