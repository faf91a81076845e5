"""Identifiers that sort by time (ULID: 48 bits of milliseconds, 80 random bits, Crockford base 32)."""

import secrets
from collections.abc import Callable

from kit.clock import Clock, SystemClock

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
        number = (int(self._clock.now().timestamp() * 1000) << 80) | self._random_bits(80)
        if number >> 80 <= self._last >> 80:
            number = self._last + 1
        self._last = number
        return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def is_ulid(text: str) -> bool:
    """Whether `text` could have come from `Ids.new`."""
    return len(text) == 26 and all(character in _ALPHABET for character in text)  # noqa: PLR2004 - a ULID's length
