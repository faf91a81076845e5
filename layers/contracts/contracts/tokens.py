"""The form of an API token, and how it is recognised; standard library only, shared by the authorizer and the routers.

    slp_{token_id}_{secret}_{crc}

`token_id` is 16 lower-case base-32 characters (the row's key, no secret), `secret` 43 base-62 characters (256 bits), `crc` 6 base-62
characters of the CRC-32 over `slp_{token_id}_{secret}`. The mark and the CRC let a scanner find a leaked token without false alarms, and
let us refuse garbage without a read. What is stored is `digest(pepper, token)`; the pepper lives in Secrets Manager, so neither a copy of
the table nor the secret alone is worth anything. A slow hash would buy nothing: the input has full entropy.
"""

import hashlib
import hmac
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

TOKENS_PARTITION: Final = "TOKENS"
HEAD_KEY: Final = "HEAD"
TOKEN_PREFIX: Final = "TOKEN#"  # noqa: S105 - a row's key, not a secret
TOKEN_MARK: Final = "slp_"  # noqa: S105 - what every token begins with, not a token
_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 16
_SECRET_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_CRC_LENGTH: Final = 6  # 62 ** 6 > 2 ** 32
_TOKEN: Final = re.compile(rf"slp_([a-z2-7]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})_([0-9A-Za-z]{{{_CRC_LENGTH}}})", re.ASCII)
_DERIVATION: Final = b"slipway token secret 1\n"  # no token begins so: a derived secret is never the digest of anything


@dataclass(frozen=True)
class ParsedToken:
    """A well-formed token taken apart. `text` is the whole of it and never belongs in a log."""

    token_id: str
    secret: str = field(repr=False)
    text: str = field(repr=False)


def mint(token_id: str, secret: str) -> str:
    """The token with this id (16 characters) and secret (43 characters); ValueError for parts of another form."""
    body = f"{TOKEN_MARK}{token_id}_{secret}"
    token = f"{body}_{_crc(body)}"
    if not _TOKEN.fullmatch(token):
        message = "a token takes an id of 16 base-32 characters and a secret of 43 base-62 characters"
        raise ValueError(message)
    return token


def parse(token: str) -> ParsedToken | None:
    """The parts of `token`; None for anything that `mint` cannot have made."""
    found = _TOKEN.fullmatch(token)
    if found is None or found[3] != _crc(token[: -_CRC_LENGTH - 1]):
        return None
    return ParsedToken(found[1], found[2], token)


def digest(pepper: bytes, token: str) -> str:
    """What is stored of a token: HMAC-SHA256 under the pepper, 64 lower-case hex characters."""
    return hmac.new(pepper, token.encode(), hashlib.sha256).hexdigest()


def token_id_of(number: int) -> str:
    """The token id that spells the 80-bit `number`."""
    return "".join(_ID_ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(_ID_LENGTH)))


def derive_secret(pepper: bytes, salt: str) -> str:
    """The secret part that belongs to a random `salt`: 256 bits that can be shown again only with both the salt and the pepper at hand."""
    return _base62(int.from_bytes(hmac.new(pepper, _DERIVATION + salt.encode(), hashlib.sha256).digest()), _SECRET_LENGTH)


@dataclass(frozen=True)
class Peppers:
    """The secret's content: every pepper that still verifies tokens, by generation, and which one makes new digests."""

    current: str
    by_id: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the secret's JSON, `{"current": "1", "1": "<random>"}`; ValueError (without its content) if it has another form."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict) or not all(isinstance(value, str) and value for value in content.values()):
            message = "the pepper secret must be a JSON object of non-empty strings"
            raise ValueError(message)
        peppers = {name: value.encode() for name, value in content.items() if name != "current"}
        current = content.get("current", "")
        if current not in peppers:
            message = "the pepper secret's `current` must name one of its peppers"
            raise ValueError(message)
        return cls(current, peppers)

    @property
    def newest(self) -> bytes:
        """The pepper under which new tokens are digested."""
        return self.by_id[self.current]

    def matches(self, token: str, stored_digest: str, pepper_id: str) -> bool:
        """Whether `token` is the one whose digest was stored under that pepper; takes the same time whatever the answer."""
        known = self.by_id.get(pepper_id)
        same = hmac.compare_digest(digest(known or self.newest, token), stored_digest)
        return same and known is not None


def _crc(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CRC_LENGTH)


def _base62(number: int, length: int) -> str:
    characters = []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[rest])
    return "".join(reversed(characters))
