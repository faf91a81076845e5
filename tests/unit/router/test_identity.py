"""Who is calling, and what a revocation does."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from contracts.identity import OidcRules
from contracts.tokens import Peppers, digest, mint
from router.aws import SecretUnavailable
from router.errors import ApiError
from router.identity import Authenticator, Caller, TokenTable
from router.oidc import KeySet, KeysUnavailable, OidcVerifier
from router.secret_cache import SecretCache

PEPPERS = Peppers.parse('{"current": "2", "1": "old", "2": "new"}')
TOKEN = mint("a" * 16, "s" * 43)
RULES = OidcRules("https://issuer", "slipway")


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "token_id": "a" * 16,
        "name": "n",
        "principal": "token:n",
        "groups": ["research", "*"],
        "scopes": ["inference"],
        "created_by": "x",
        "created_at": "2026-01-01T00:00:00.000Z",
        "generation": 1,
        "digest": digest(PEPPERS.by_id["1"], TOKEN),
        "pepper_id": "1",
    } | changes


def _authenticator(row: dict[str, Any] | None) -> Authenticator:
    table = TokenTable()
    if row is not None:
        key, _, held = table.parse(row)
        table.apply({key: held}, ())
    authenticator = Authenticator(table, None, lambda: 1_000_000_000.0)
    authenticator.peppers = PEPPERS
    return authenticator


def _status(row: dict[str, Any] | None, token: str = TOKEN) -> int:
    try:
        asyncio.run(_authenticator(row).authenticate(f"Bearer {token}"))
    except ApiError as error:
        return error.status
    return 200


def test_an_older_pepper_still_verifies() -> None:
    """A token made under the pepper before last is accepted; its group `*` means nothing, being no group."""
    caller = _authenticator(_row()).verify_token(TOKEN)
    assert (caller.groups, caller.admin, caller.token_id) == (frozenset({"research"}), False, "a" * 16)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (None, 401),
        (_row(digest="0" * 64), 401),
        (_row(pepper_id="9"), 401),
        (_row(revoked_at="2026-01-01T00:00:00.000Z"), 401),
        (_row(expires_at="2001-01-01T00:00:00.000Z"), 401),
        (_row(expires_at="2101-01-01T00:00:00.000Z"), 200),
        (_row(scopes=["models:read"]), 403),
        (_row(scopes=["admin"]), 200),
    ],
)
def test_what_a_token_is_worth(row: dict[str, Any] | None, status: int) -> None:
    """Unknown, forged, revoked and expired tokens get 401, one without the scope 403."""
    assert _status(row) == status


def test_without_peppers_nobody_is_let_in() -> None:
    """Before the peppers are known every API token gets 503, never 200."""
    authenticator = _authenticator(_row())
    authenticator.peppers = None
    with pytest.raises(ApiError) as refused:
        authenticator.verify_token(TOKEN)
    assert refused.value.status == 503


def test_an_unknown_pepper_asks_for_a_refresh() -> None:
    """A row under a pepper that we do not know yet wakes the refresh."""
    authenticator, asked = _authenticator(_row(pepper_id="9")), []
    authenticator.on_unknown_pepper = lambda: asked.append(1)
    with pytest.raises(ApiError):
        authenticator.verify_token(TOKEN)
    assert asked == [1]


@pytest.mark.parametrize("end", ["revoked", "removed"])
def test_the_end_of_a_token_cuts_what_it_has_open(end: str) -> None:
    """Revocation and removal both cut; a change that leaves the token good does not."""
    cut: list[str] = []
    table = TokenTable(cut.append)
    key, _, held = table.parse(_row())
    table.apply({key: held}, ())
    table.apply({key: table.parse(_row(name="renamed", generation=2))[2]}, ())
    assert cut == []
    if end == "revoked":
        table.apply({key: table.parse(_row(revoked_at="2026-01-01T00:00:00.000Z", generation=3))[2]}, ())
    else:
        table.apply({}, [key])
    assert cut == [key]


class _Issuer:
    """An issuer with one key, counting how often it is asked."""

    def __init__(self) -> None:
        self.key: RSAPrivateKey = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.asked, self.down = 0, False

    async def fetch(self) -> dict[str, Any]:
        """The key set."""
        self.asked += 1
        if self.down:
            raise KeysUnavailable
        return {"keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())), "kid": "k", "use": "sig"}]}

    def sign(self, kid: str = "k", **changes: Any) -> str:
        """A token."""
        claims = {"sub": "ada", "iss": "https://issuer", "aud": "slipway", "exp": time.time() + 60, "cognito:groups": ["research"]}
        return jwt.encode({name: value for name, value in (claims | changes).items() if value is not None}, self.key, "RS256", {"kid": kid})


def test_persons_are_verified_by_the_issuers_keys() -> None:
    """A good token gives its groups; wrong audience, no expiry, a tampered signature and HS256 with the public key give 401."""
    issuer = _Issuer()
    verifier = OidcVerifier(RULES, KeySet(issuer.fetch))

    async def verify(token: str) -> Caller | int:
        try:
            return await verifier.verify(token, time.time())
        except ApiError as error:
            return error.status

    async def work() -> None:
        good = issuer.sign()
        assert isinstance(caller := await verify(good), Caller)
        assert caller.groups == {"research"}
        confused = jwt.encode({"sub": "x"}, "public-key-used-as-a-shared-secret", "HS256", {"kid": "k"})
        for bad in (issuer.sign(aud="else"), issuer.sign(exp=None), issuer.sign(iss="https://evil"), good[:-4] + "AAAA", confused, "a.b.c"):
            assert await verify(bad) == 401
        assert issuer.asked == 1

    asyncio.run(work())


def test_a_thousand_unknown_keys_ask_the_issuer_once_a_minute() -> None:
    """Made-up key ids cannot be used to flood the issuer, and a rotation is still seen after a minute."""
    issuer, now = _Issuer(), [0.0]
    keys = KeySet(issuer.fetch, lambda: now[0])

    async def work() -> None:
        assert await keys.find("k")
        for number in range(1000):
            assert await keys.find(f"made-up-{number}") is None
        assert issuer.asked == 1
        now[0] = 61.0
        await keys.find("made-up")
        assert issuer.asked == 2

    asyncio.run(work())


def test_an_issuer_that_is_down_leaves_its_known_keys_good() -> None:
    """Keys fetched once keep verifying; before the first fetch the answer is 503."""
    issuer, now = _Issuer(), [0.0]
    keys = KeySet(issuer.fetch, lambda: now[0])

    async def work() -> None:
        issuer.down = True
        with pytest.raises(ApiError) as unavailable:
            await OidcVerifier(RULES, keys).verify(issuer.sign(), time.time())
        assert unavailable.value.status == 503
        issuer.down, now[0] = False, 10.0
        assert await keys.find("k")
        issuer.down, now[0] = True, 10_000.0
        assert await keys.find("k")

    asyncio.run(work())


class _Reader:
    """Secrets Manager with a switch."""

    def __init__(self) -> None:
        self.reads, self.down = 0, False

    def read(self, arn: str) -> str:
        """The secret."""
        self.reads += 1
        if self.down:
            raise SecretUnavailable("down")
        return f"secret-{self.reads}"


def test_a_secret_outlives_secrets_manager() -> None:
    """Read once while fresh; a stale value is kept, without a read a request, when no newer one can be had."""
    reader, now = _Reader(), [0.0]
    cache = SecretCache(reader, ThreadPoolExecutor(1), lambda: now[0])

    async def work() -> None:
        assert await asyncio.gather(*(cache.get("arn") for _ in range(5))) == ["secret-1"] * 5
        reader.down, now[0] = True, 1000.0
        assert [await cache.get("arn") for _ in range(5)] == ["secret-1"] * 5
        assert reader.reads == 2
        reader.down, now[0] = False, 1010.0
        assert await cache.get("arn") == "secret-3"

    asyncio.run(work())


def test_a_token_that_was_verified_before_counts_as_long_as_its_row_and_the_peppers_stay() -> None:
    """What is remembered never outlives a revocation, a new row or a pepper that was taken away."""
    table = TokenTable()
    authenticator = Authenticator(table, None, lambda: 1_000_000_000.0)
    authenticator.peppers = PEPPERS

    def hold(**changes: Any) -> None:
        key, _, held = table.parse(_row(**changes))
        table.apply({key: held}, ())

    def refused() -> bool:
        try:
            authenticator.verify_token(TOKEN)
        except ApiError:
            return True
        return False

    hold()
    assert not any(refused() for _ in range(3))
    hold(generation=2, revoked_at="2026-01-01T00:00:00.000Z")
    assert refused()
    hold(generation=3)
    assert not refused()
    hold(generation=4, digest=digest(PEPPERS.by_id["1"], mint("a" * 16, "t" * 43)))
    assert refused()
    hold(generation=5)
    assert not refused()
    authenticator.peppers = Peppers.parse('{"current": "2", "2": "new"}')
    assert refused()
    authenticator.peppers = PEPPERS
    assert not refused()
    table.apply({}, ["a" * 16])
    assert refused()
