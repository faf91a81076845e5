"""The document of what routers answer, as it is served; `document` makes it, `make contracts` writes it down."""

from functools import cache
from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).with_name("openapi.json")


@cache
def text() -> bytes:
    """The document as JSON."""
    return PATH.read_bytes()
