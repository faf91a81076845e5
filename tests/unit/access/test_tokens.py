"""The form of tokens and the secret that holds the peppers."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import tokens

ID, SECRET = "abcdefghijklmn23", "A" * 43
TOKEN = tokens.mint(ID, SECRET)


def test_the_form_is_the_published_one() -> None:
    """Mark, id, secret, checksum: secret scanners look for exactly this."""
    assert re.fullmatch(r"slp_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", TOKEN)


@given(st.integers(0, 2**80 - 1), st.binary(min_size=1, max_size=64), st.text(max_size=64).filter(str.isascii))
def test_what_is_minted_is_parsed(number: int, pepper: bytes, salt: str) -> None:
    """Every id and every derived secret survive the way there and back."""
    token_id, secret = tokens.token_id_of(number), tokens.derive_secret(pepper, salt)
    parsed = tokens.parse(tokens.mint(token_id, secret))
    assert parsed is not None
    assert (parsed.token_id, parsed.secret) == (token_id, secret)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slp_",
        TOKEN[:-1],
        TOKEN + "0",
        TOKEN + "\n",
        TOKEN.upper(),
        TOKEN.replace("slp", "slq"),
        TOKEN.replace(ID, "abcdefghijklmn24"),
        TOKEN.replace("AAAA", "AAAB", 1),
        TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1"),
        TOKEN.replace("A", "А", 1),  # noqa: RUF001 - a Cyrillic letter that looks the same
        "slp_" + "1" * 100_000,
        "slp_\x00" + TOKEN[5:],
        json.dumps(TOKEN),
    ],
)
def test_anything_else_is_no_token(text: str) -> None:
    """Truncated, lengthened, altered or dressed up: None, never an exception."""
    assert tokens.parse(text) is None


@pytest.mark.parametrize(("token_id", "secret"), [("short", SECRET), (ID.upper(), SECRET), (ID, "A" * 42), (ID, "é" * 43)])
def test_refuses_to_mint_other_forms(token_id: str, secret: str) -> None:
    """A wrong part is our own mistake."""
    with pytest.raises(ValueError, match="a token takes"):
        tokens.mint(token_id, secret)


def test_a_token_keeps_its_secret_out_of_logs() -> None:
    """Neither the representation of a parsed token nor that of peppers shows what must not be shown."""
    assert SECRET not in repr(tokens.parse(TOKEN))
    assert "hot" not in repr(tokens.Peppers("1", {"1": b"hot"}))


def test_the_digest_depends_on_pepper_and_token() -> None:
    """Another pepper or another token, another digest."""
    assert len({tokens.digest(b"1", TOKEN), tokens.digest(b"2", TOKEN), tokens.digest(b"1", TOKEN + "x")}) == 3


def test_a_derived_secret_needs_pepper_and_salt() -> None:
    """With another of either it is another secret, and it is never the digest of anything stored."""
    assert len({tokens.derive_secret(b"1", "a"), tokens.derive_secret(b"2", "a"), tokens.derive_secret(b"1", "b")}) == 3


def test_both_pepper_generations_verify() -> None:
    """After a rotation old tokens hold under the old pepper, new ones under the new, and none under the other's name."""
    peppers = tokens.Peppers.parse('{"current": "2", "1": "old", "2": "new"}')
    assert peppers.newest == b"new"
    for name, pepper in (("1", b"old"), ("2", b"new")):
        stored = tokens.digest(pepper, TOKEN)
        assert peppers.matches(TOKEN, stored, name)
        assert not peppers.matches(TOKEN, stored, "2" if name == "1" else "1")
        assert not peppers.matches(TOKEN + "x", stored, name)


def test_a_pepper_that_is_gone_verifies_nothing() -> None:
    """Even where the digest would fit the newest pepper."""
    peppers = tokens.Peppers.parse('{"current": "2", "2": "new"}')
    assert not peppers.matches(TOKEN, tokens.digest(b"new", TOKEN), "1")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"current": "1"}', '{"current": "current"}', '{"current": "1", "1": ""}', '{"current": 1, "1": "x"}']
)
def test_a_malformed_secret_is_refused_without_showing_it(text: str) -> None:
    """The error says what is wrong, not what was there."""
    with pytest.raises(ValueError, match="pepper secret") as caught:
        tokens.Peppers.parse(text)
    assert caught.value.__cause__ is None
