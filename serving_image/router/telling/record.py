"""What is recorded of one request. There is no field that could hold a prompt or an answer."""

from typing import Any, Final, NamedTuple, Self

import orjson

FORM: Final = 1


class Record(NamedTuple):
    """One request that was sent on, or waited to be. Times in milliseconds (`when_ms` since 1970 in UTC), counts in tokens or pieces.

    `subject` is who asked (`token:…`, `oidc:…`), `group` the one of their groups that let them (empty: none was needed); `priced_as` the
    third party's model (`openai/gpt-4o-mini`), empty for our own engines; `outcome` is `ok`, `client_gone`, `cut` (its token was revoked)
    or the code of the error that the caller was told.
    """

    form: int
    when_ms: int
    request_id: str
    token_id: str
    subject: str
    group: str
    model: str
    version: str
    target: str
    hosting: str
    priced_as: str
    endpoint: str
    outcome: str
    status: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    images: int
    audio_ms: int
    characters: int
    estimated: bool
    stream: bool
    first_token_ms: int | None
    duration_ms: int
    held_ms: int
    router_id: str

    def line(self) -> bytes:
        """One line for the spool."""
        return orjson.dumps(tuple(self)) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self | None:
        """The record of a line; None for a line that broke off or is of a form that is not known."""
        try:
            values: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(values, list) or len(values) != len(cls._fields) or values[0] != FORM:
            return None
        return cls(*values)
