"""The management API's own description."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Document:
    """The OpenAPI document's text, and its ETag."""

    text: str
    etag: str


class ReadApiDocument:
    """Answers the document that was generated with the contracts, the same for everybody."""

    def __init__(self) -> None:
        content = files("contracts").joinpath("openapi.json").read_bytes()
        self._document = Document(content.decode(), f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def __call__(self) -> Document:
        """The document."""
        return self._document
