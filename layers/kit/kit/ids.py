"""Identifiers that sort by time (ULID: 48 bits of milliseconds, 80 random bits, Crockford base 32)."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kit.clock import Clock, SystemClock

_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids:
    """Makes identifiers from an injected clock and source of randomness.

    Each is greater than the one before, also within a millisecond and when the clock is set back: facts recorded together keep their order.
    """

    def __init__(self, clock: Clock | None = None, random_bits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock or SystemClock()
        self._random_bits = random_bits
        self._last = 0

    def new(self) -> str:
        """A fresh ULID, 26 characters."""
        number = (_milliseconds(self._clock.now()) << 80) | self._random_bits(80)
        if number >> 80 <= self._last >> 80:
            number = self._last + 1
        self._last = number
        return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def moment_of(text: str) -> datetime | None:
    """When a ULID was made, in UTC with milliseconds; None for any other text, however much it looks like one."""
    if not is_ulid(text):
        return None
    milliseconds = 0
    for character in text[:10]:
        milliseconds = milliseconds * 32 + _ALPHABET.index(character)
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:  # ten characters reach beyond the last year there is
        return None


def floor_of(moment: datetime) -> str:
    """The least ULID of that moment: what is made earlier sorts before it, what is made then or later does not."""
    milliseconds = max(0, _milliseconds(moment))
    return "".join(_ALPHABET[(milliseconds >> shift) & 31] for shift in range(45, -5, -5)) + "0" * 16


def is_ulid(text: str) -> bool:
    """Whether `text` could have come from `Ids.new`."""
    return len(text) == 26 and all(character in _ALPHABET for character in text)  # noqa: PLR2004 - a ULID's length


def _milliseconds(moment: datetime) -> int:
    """Whole ones since 1970, by integers: a float's 4.095 seconds are 4,094 of them."""
    return (moment - _EPOCH) // _MILLISECOND
