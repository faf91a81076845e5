"""Numbers as headers have them."""

from typing import Final

_MOST_DIGITS: Final = 9


def whole_number(text: str) -> int | None:
    """The whole number that the text is: up to nine digits, and nothing else; None for all other texts."""
    return int(text) if len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() else None
