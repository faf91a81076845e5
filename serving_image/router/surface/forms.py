"""Multipart forms: the fields of a body that goes on as it came. Files are neither copied nor looked into.

The form is read strictly (RFC 7578 as clients write it): whatever an engine's parser might read in another way is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from router.errors import ApiError, bad_request

_TYPE: Final = re.compile(r"""multipart/form-data; ?boundary=("?)([A-Za-z0-9'()+_,./:=?-]{1,70})\1""", re.IGNORECASE)
_DISPOSITION: Final = re.compile(
    rb'content-disposition: form-data; name="([A-Za-z0-9_.\[\]-]{1,64})"(?:; filename="([^"\r\n\\%]{0,255})")?'
    rb"(?:; filename\*=[A-Za-z0-9-]{1,16}'[A-Za-z-]{0,16}'[A-Za-z0-9%._~!#$&+^`|-]{0,512})?",
    re.IGNORECASE,
)
_CONTENT_TYPE: Final = re.compile(rb"content-type: ?([A-Za-z0-9!#$&^_.+/-]{1,127}(?:; ?[A-Za-z0-9=\"._-]{1,100})?)", re.IGNORECASE)
_HARMLESS: Final = re.compile(rb"content-length: ?\d{1,12}|content-transfer-encoding: ?(?:7bit|8bit|binary)", re.IGNORECASE)
_MOST_PARTS: Final = 64
_MOST_HEAD_BYTES: Final = 2048
_MOST_TEXT_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form; `content` points into the request's body."""

    filename: str
    content_type: str
    content: memoryview = field(repr=False)


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """The form's fields: texts, Uploads, lists of either for names that end in `[]`; `stream` as a boolean. ApiError 400."""
    found = _TYPE.fullmatch(content_type)
    if found is None:
        raise bad_request("invalid_form", "The body must be multipart/form-data with a plain boundary.")
    fields: dict[str, Any] = {}
    for start, end in _parts(body, b"--" + found[2].encode()):
        _take(fields, body, start, end)
    return fields


def with_text(body: bytes, name: str, value: str) -> bytes:
    """The form, as `parse` has taken it, with another value of its text field `name`."""
    for start, end in _parts(body, body[: body.index(b"\r\n")]):
        head_end = body.index(b"\r\n\r\n", start)
        if _head(body[start:head_end])[0] == name:
            head = f'content-disposition: form-data; name="{name}"\r\n\r\n'  # without a length, which is another now
            return b"%b%b%b%b" % (body[:start], head.encode(), value.encode(), body[end:])
    raise KeyError(name)


def without(body: bytes, name: str) -> bytes:
    """The form, as `parse` has taken it, without its field `name`; KeyError where it has none."""
    mark = body[: body.index(b"\r\n")]
    for start, end in _parts(body, mark):
        if _head(body[start : body.index(b"\r\n\r\n", start)])[0] == name:
            return body[: start - len(mark) - 2] + body[end + 2 :]  # with the line before it, and the line break behind it
    raise KeyError(name)


def _parts(body: bytes, mark: bytes) -> Iterator[tuple[int, int]]:
    """Where each part begins and ends; ApiError 400 if that cannot be said."""
    if not body.startswith(mark + b"\r\n"):
        raise _broken()
    parts, at = 0, len(mark)
    while body[at : at + 2] != b"--":
        parts += 1
        end = body.find(b"\r\n" + mark, at)
        if body[at : at + 2] != b"\r\n" or end < 0 or parts > _MOST_PARTS:
            raise _broken()
        yield at + 2, end
        at = end + 2 + len(mark)
    if body[at + 2 :] not in {b"", b"\r\n"}:
        raise _broken()


def _take(fields: dict[str, Any], body: bytes, start: int, end: int) -> None:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _MOST_HEAD_BYTES))
    if head_end < 0:
        raise _broken()
    name, filename, kind = _head(body[start:head_end])
    content = memoryview(body)[head_end + 4 : end]
    value = _text(bytes(content), name) if filename is None else Upload(filename, kind, content)
    if name.endswith("[]"):
        fields.setdefault(name, []).append(value)
    elif name in fields:
        raise bad_request("invalid_form", f"`{name}` comes twice in the form.", name)
    else:
        fields[name] = _flag(value) if name == "stream" else value


def _head(head: bytes) -> tuple[str, str | None, str]:
    """Name, file name (None for a text) and content type of a part."""
    named, kind = None, "application/octet-stream"
    for line in head.split(b"\r\n"):
        if found := _DISPOSITION.fullmatch(line):
            if named is not None:
                raise _broken()
            named = found
        elif found := _CONTENT_TYPE.fullmatch(line):
            kind = found[1].decode()
        elif not _HARMLESS.fullmatch(line):
            raise _broken()
    if named is None:
        raise _broken()
    return named[1].decode(), None if named[2] is None else named[2].decode("utf-8", "replace"), kind


def _text(value: bytes, name: str) -> str:
    if len(value) > _MOST_TEXT_BYTES:
        raise bad_request("invalid_form", f"`{name}` is too long for a field that is no file.", name)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_request("invalid_form", f"`{name}` is not UTF-8.", name) from None


def _flag(value: Any) -> bool:
    if not isinstance(value, str) or value.lower() not in {"true", "false"}:
        raise bad_request("invalid_type", "`stream` must be true or false.", "stream")
    return value.lower() == "true"


def _broken() -> ApiError:
    return bad_request("invalid_form", "The multipart form cannot be read.")
