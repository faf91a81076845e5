"""Identifiers that sort by time (ULID: 48 bits of milliseconds, 80 random bits, Crockford base 32)."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kit.clock import Clock, SystemClock

_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26


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
        return _text(number)


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
    return _text(max(0, _milliseconds(moment)) << 80)


def derived(moment: datetime, words: str) -> str:
    """The ULID of that moment that follows from the words: always the same for the same, so that what is told twice has one id."""
    number = int.from_bytes(hashlib.sha256(words.encode()).digest()[:10])
    return _text((_milliseconds(moment) << 80) | number)


def is_ulid(text: str) -> bool:
    """Whether `text` could have come from `Ids.new`."""
    return len(text) == _LENGTH and all(character in _ALPHABET for character in text)


def _text(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -5, -5))


def _milliseconds(moment: datetime) -> int:
    """Whole ones since 1970, by integers: a float's 4.095 seconds are 4,094 of them."""
    return (moment - _EPOCH) // _MILLISECOND
