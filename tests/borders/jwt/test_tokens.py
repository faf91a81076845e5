"""API tokens at the authorizer and at the router: what is not exactly one of ours is nobody's, at the price of what is."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.adapters.oidc import NoKeys
from access.adapters.reader import token_in
from access.usecases.authorize_request import AuthorizeRequest
from contracts import tokens
from contracts.tokens import Peppers, digest, mint
from router.errors import ApiError
from router.identity import Authenticator, TokenTable
from tests.evidence import counted, scaled
from tests.fakes.access import FakePeppers, FakeSignatures, FakeTokenTable

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEPPERS = {"1": "the-old-pepper", "2": "the-new-pepper"}
GOOD = mint("abcdefghijklmn23", "s" * 43)
UNKNOWN = mint("zzzzzzzzzzzzzz22", "s" * 43)
FORGED = mint("abcdefghijklmn23", "t" * 43)
Judge = Callable[[str], bool]


class _Clock:
    def now(self) -> datetime:
        return NOW


def _row(pepper_id: str = "2", **changes: Any) -> dict[str, Any]:
    return {
        "token_id": "abcdefghijklmn23",
        "name": "n",
        "principal": "token:abcdefghijklmn23",
        "groups": ["research"],
        "scopes": ["inference", "models:read"],
        "models": None,
        "expires_at": None,
        "revoked_at": None,
        "created_by": "x",
        "created_at": "2026-01-01T00:00:00.000Z",
        "generation": 1,
        "digest": digest(PEPPERS[pepper_id].encode(), GOOD) if pepper_id in PEPPERS else "0" * 64,
        "pepper_id": pepper_id,
    } | changes


def _authorizer(row: dict[str, Any]) -> Judge:
    table = FakeTokenTable()
    table.tokens[row["token_id"]] = token_in(row)
    use = AuthorizeRequest(table, FakePeppers("2", **PEPPERS), NoKeys(), FakeSignatures({}, None), None, _Clock())
    return lambda credential: use(f"Bearer {credential}").caller is not None


def _router(row: dict[str, Any], *, reading: bool = False) -> Judge:
    table = TokenTable()
    key, _, held = table.parse(row)
    table.apply({key: held}, ())
    door = Authenticator(table, None, NOW.timestamp)
    door.peppers = Peppers("2", {name: text.encode() for name, text in PEPPERS.items()})

    def judge(credential: str) -> bool:
        try:
            asyncio.run(door.authenticate(f"Bearer {credential}", reading=reading))
        except ApiError as error:
            if error.status != 401:
                raise
            return False
        return True

    return judge


SIDES: dict[str, Callable[[dict[str, Any]], Judge]] = {
    "authorizer": _authorizer,
    "router": _router,
    "live streams": lambda row: _router(row, reading=True),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"pepper_id": "1"}, True),
        ({"pepper_id": "3"}, False),
        ({"digest": digest(PEPPERS["1"].encode(), GOOD)}, False),
        ({"digest": "0" * 64}, False),
        ({"revoked_at": "2026-05-01T00:00:00.000Z"}, False),
        ({"revoked_at": "2030-01-01T00:00:00.000Z"}, False),
        ({"expires_at": "2026-05-31T23:59:59.999Z"}, False),
        ({"expires_at": "2026-06-01T00:00:00.000Z"}, False),
        ({"expires_at": "2026-06-01T00:00:00.001Z"}, True),
        ({"expires_at": "2026-06-01T01:00:00.000+02:00"}, False),
    ],
)
def test_what_a_row_makes_of_its_token(side: str, changes: dict[str, Any], good: bool) -> None:
    """Good under either pepper that is known; revoked, expired to the millisecond, or under another's pepper: nobody's, at every door."""
    row = _row(changes.get("pepper_id", "2")) | changes
    assert SIDES[side](row)(GOOD) is good
    counted("token_rows_judged", 1, side=side)


@pytest.mark.parametrize("side", SIDES)
def test_every_changed_character_is_refused(side: str) -> None:
    """Mark, id, secret and check sum, one character at a time, with the check sum left and with it made right again."""
    judge = SIDES[side](_row())
    assert judge(GOOD)
    for place, character in enumerate(GOOD):
        other = "b" if character != "b" else "c"
        changed = GOOD[:place] + other + GOOD[place + 1 :]
        assert not judge(changed)
        body = changed[: -tokens._CRC_LENGTH - 1]
        assert body == GOOD[: -tokens._CRC_LENGTH - 1] or not judge(f"{body}_{tokens._crc(body)}")
    counted("token_characters_changed", len(GOOD), side=side)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "credential",
    [
        *("slp_", "slp", "SLP_" + GOOD[4:], GOOD + "\x00", GOOD[:-1], GOOD + "a", GOOD.upper(), GOOD.replace("_", "-"), "slp_" + GOOD),
        *(GOOD + "," + GOOD, GOOD.replace("a", "\u0430"), f"{GOOD}%00", "slp_" + "a" * 100_000, "x" + GOOD),
    ],
)
def test_what_is_almost_a_token(side: str, credential: str) -> None:
    """Neither longer nor shorter, in no other case or alphabet."""
    assert not SIDES[side](_row())(credential)


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=scaled(100), deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"slp_[a-z2-7]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", fullmatch=True))
def test_noise_is_nobody(side: str, credential: str) -> None:
    """Whatever stands behind `Bearer`: a refusal, and nothing else comes out."""
    assert not SIDES[side](_row())(credential)


@pytest.mark.parametrize("side", SIDES)
def test_the_same_work_for_a_known_and_an_unknown_token(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look-up, one HMAC, one comparison in constant time, whether the id is known, the secret is wrong, or the token has gone."""
    work: dict[str, list[str]] = {}
    current = [""]

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            work.setdefault(current[0], []).append(name)
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(tokens.hmac, "compare_digest", noted("compare", hmac.compare_digest))  # type: ignore[attr-defined]
    monkeypatch.setattr(tokens, "digest", noted("hmac", digest))
    monkeypatch.setattr(FakeTokenTable, "find", noted("look-up", FakeTokenTable.find))
    cases = {"good": (_row(), GOOD), "unknown": (_row(), UNKNOWN), "forged": (_row(), FORGED), "lost pepper": (_row("9"), GOOD)}
    cases["revoked"] = (_row(revoked_at="2026-01-01T00:00:00.000Z"), GOOD)
    for name, (row, credential) in cases.items():
        judge = SIDES[side](row)
        current[0] = name
        judge(credential)
    assert work["good"].count("hmac") == work["good"].count("compare") == 1
    assert {name: sorted(done) for name, done in work.items()} == dict.fromkeys(cases, sorted(work["good"]))


def test_a_digest_says_nothing_without_the_pepper() -> None:
    """The same token has another digest under each pepper, none of them its plain hash, and a derived secret is the digest of nothing."""
    import hashlib

    digests = {digest(pepper.encode(), GOOD) for pepper in PEPPERS.values()}
    assert len(digests | {hashlib.sha256(GOOD.encode()).hexdigest()}) == 3
    assert "s" * 43 not in repr(tokens.parse(GOOD))
    assert "pepper" not in repr(Peppers("1", {"1": b"the-old-pepper"}))
