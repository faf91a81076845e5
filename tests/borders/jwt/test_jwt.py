"""JWTs at both verifiers: every forgery we know of is refused alike, and what is good passes at both."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.borders.jwt.forgeries import FORGERIES, GOOD, NOW, ODD_GROUPS, OTHER_KEY, RSA_KEY, claims, jwk, sealed, token
from tests.borders.jwt.verifiers import SIDES, Verifier
from tests.evidence import counted, scaled

pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")


@pytest.fixture(params=sorted(SIDES))
def side(request: pytest.FixtureRequest) -> Verifier:
    """One of the two verifiers."""
    made: Verifier = SIDES[request.param]()
    return made


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused(side: Verifier, name: str) -> None:
    """Nobody is seen behind it, and nothing but a refusal comes out: a stranger's bytes are no fault of ours."""
    assert side.judge(f"Bearer {FORGERIES[name]()}") is None
    assert side.judge(f"Bearer {token()}") is not None
    counted("jwt_forgeries_refused", 1, side=type(side).__name__)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_taken(side: Verifier, name: str) -> None:
    """Whose it is and which groups they are in; no header of the token's own has a say in which key is used."""
    who = side.judge(f"Bearer {GOOD[name]()}")
    assert who is not None
    assert (who.subject, who.groups, who.admin) == ("oidc:u1", frozenset({"research"}), False)


@pytest.mark.parametrize(("claim", "groups"), ODD_GROUPS, ids=lambda value: json.dumps(value)[:40] if not isinstance(value, set) else "")
def test_groups_of_odd_types(side: Verifier, claim: Any, groups: set[str]) -> None:
    """Names and lists of names are groups, anything else is none; nothing but the exact name administers."""
    who = side.judge(f"Bearer {sealed({'alg': 'RS256', 'kid': 'rsa'}, claims(**{'cognito:groups': claim}))}")
    assert who is not None
    assert (set(who.groups), who.admin) == (groups, False)


def test_only_the_exact_group_administers(side: Verifier) -> None:
    """The rule that the table above shows the edges of does hold."""
    who = side.judge(f"Bearer {token(**{'cognito:groups': ['slipway-admins']})}")  # type: ignore[arg-type]
    assert who is not None
    assert who.admin


def test_of_two_equal_claims_both_verifiers_take_the_same(side: Verifier) -> None:
    """JSON's readers differ about names that stand twice; a signed one that does is taken as its issuer wrote it last, everywhere alike."""
    twice = json.dumps(claims())[:-1] + ', "sub": "u2"}'
    who = side.judge(f"Bearer {sealed({'alg': 'RS256', 'kid': 'rsa'}, twice.encode())}")
    assert who is not None
    assert who.subject == "oidc:u2"


def test_a_thousand_unknown_key_ids(side: Verifier) -> None:
    """The issuer is asked once a minute, however many ids strangers make up, and the known keys go on being good."""
    assert side.judge(f"Bearer {token()}")
    for minute in range(3):
        side.issuer.now = NOW + 61 * minute
        before = side.issuer.asked
        for number in range(scaled(1000) // 3 + 1):
            assert side.judge(f"Bearer {sealed({'alg': 'RS256', 'kid': f'k{minute}-{number}'}, claims(), OTHER_KEY)}") is None
        assert side.issuer.asked - before <= 1
        assert side.judge(f"Bearer {token()}")
    assert side.issuer.asked <= 3


def test_rotation(side: Verifier) -> None:
    """A new key is learned within a minute; the old one is good until the issuer drops it, and worth nothing once that is known."""
    old, new = token(exp=NOW + 10**6), token(OTHER_KEY, kid="new", exp=NOW + 10**6)
    assert side.judge(f"Bearer {old}")
    assert side.judge(f"Bearer {new}") is None
    side.issuer.keys.append(jwk(OTHER_KEY, "new"))
    side.issuer.now += 61
    assert side.judge(f"Bearer {new}")
    assert side.judge(f"Bearer {old}")
    side.issuer.keys = [jwk(OTHER_KEY, "new")]
    side.issuer.now += 901
    assert side.judge(f"Bearer {new}")
    assert side.judge(f"Bearer {old}") is None


def test_what_was_verified_once_is_not_good_for_ever(side: Verifier) -> None:
    """A token of years, signed with a key that was stolen and withdrawn, is refused within minutes, also where it was seen before."""
    stolen = token(exp=NOW + 10**9)
    assert side.judge(f"Bearer {stolen}")
    side.issuer.keys = [jwk(OTHER_KEY, "rsa")]
    side.issuer.now += 901
    assert side.judge(f"Bearer {stolen}") is None


def test_a_key_of_the_same_id_takes_over(side: Verifier) -> None:
    """The set is replaced as a whole: an old key does not stay under an id that has a new owner."""
    assert side.judge(f"Bearer {token(RSA_KEY)}")
    side.issuer.keys = [jwk(OTHER_KEY, "rsa")]
    side.issuer.now += 901
    assert side.judge(f"Bearer {token(OTHER_KEY, exp=NOW + 10**6)}")


@pytest.mark.parametrize("name", sorted(SIDES))
@settings(max_examples=scaled(150), deadline=None)
@given(data=st.data())
def test_no_flipped_bit_survives(name: str, data: st.DataObject) -> None:
    """Whichever characters of a good token change: whoever is still seen is exactly who signed (base64's last bits mean nothing)."""
    good = token()
    place = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(st.characters(codec="ascii", exclude_categories=["Cs"]).filter(lambda c: c != good[place]))
    who = SIDES[name]().judge(f"Bearer {good[:place]}{character}{good[place + 1 :]}")
    assert who is None or (who.subject, who.groups, who.admin) == ("oidc:u1", frozenset({"research"}), False)
    counted("jwt_bytes_changed", 1)


@pytest.mark.parametrize("name", sorted(SIDES))
@settings(max_examples=scaled(100), deadline=None)
@given(header=st.binary(max_size=60), body=st.binary(max_size=60), tail=st.text(max_size=20))
def test_noise_is_refused_and_nothing_else(name: str, header: bytes, body: bytes, tail: str) -> None:
    """Parts that are no JSON, headers that are no headers: a refusal each time."""
    side = SIDES[name]()
    for credential in (sealed(header, body), f"a.b.{tail}", tail):
        assert side.judge(f"Bearer {credential}") is None
