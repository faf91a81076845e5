"""A whole answer, as it goes back to a caller."""

from typing import Final, NamedTuple

JSON: Final = b"application/json"


class Whole(NamedTuple):
    """Body and content type."""

    body: bytes
    content_type: bytes = JSON
