"""Who may give what, and how a repeated request is answered."""

from typing import Any

import pytest

from access.usecases.authorize_request import AuthorizeRequest
from access.usecases.issue_token import IssueToken
from access.usecases.list_tokens import ListTokens
from access.usecases.read_token import ReadToken
from access.usecases.revoke_token import RevokeToken
from contracts.access import IssueToken as Asked
from contracts.common import Page
from contracts.identity import OidcRules
from kit.caller import Caller, command
from kit.clock import ManualClock
from kit.errors import Conflict, Forbidden, InvalidRequest, NotFound
from kit.patience import Patience
from tests.fakes.access import FakeKeys, FakePeppers, FakeSignatures, FakeTokenTable

ADMIN = Caller("oidc:root", "oidc", (), ("admin",))
ALICE = Caller("oidc:alice", "oidc", ("research",), ("tokens:write", "inference", "models:read"))
BOB = Caller("oidc:bob", "oidc", ("research",), ("tokens:write", "inference"))
PATIENCE = Patience(sleep=lambda _: None)


class House:
    """Access over fakes, at one moment that a test may move."""

    def __init__(self, contended: int = 0) -> None:
        self.clock, self.table, self.peppers = ManualClock(), FakeTokenTable(contended), FakePeppers()
        self._bits = iter(range(1, 1000))

    def issue(self, caller: Caller = ALICE, key: str | None = None, **wish: Any) -> dict[str, Any]:
        """Ask for a token."""
        asked = Asked.validate_document({"name": "n", **wish})
        use = IssueToken(self.table, self.peppers, self.clock, PATIENCE, lambda _: next(self._bits))
        return use(asked, caller, command(caller.subject, key, asked.document()), "request")

    def reason(self, token: str) -> str:
        """What the authorizer thinks of a token."""
        use = AuthorizeRequest(self.table, self.peppers, FakeKeys(), FakeSignatures({}, None), None, self.clock)
        return use(f"Bearer {token}").reason

    def revoke(self, token_id: str, caller: Caller = ALICE, key: str | None = None) -> Any:
        """Revoke a token."""
        return RevokeToken(self.table, self.clock, PATIENCE)(token_id, caller, command(caller.subject, key, {"id": token_id}), "request")


@pytest.mark.parametrize(
    ("caller", "wish", "error", "code"),
    [
        (Caller("oidc:x", scopes=("inference",)), {}, Forbidden, "scope-missing"),
        (BOB, {"scopes": ["models:read"]}, Forbidden, "scope-missing"),
        (ALICE, {"scopes": ["admin"]}, Forbidden, "scope-missing"),
        (ALICE, {"scopes": ["inference", "models:write"]}, Forbidden, "scope-missing"),
        (ALICE, {"groups": ["finance"]}, Forbidden, "group-not-yours"),
        (ALICE, {"groups": ["*"]}, InvalidRequest, "validation-failed"),
        (ADMIN, {"groups": ["*"]}, InvalidRequest, "validation-failed"),
        (ALICE, {"expires_in_days": None}, InvalidRequest, "validation-failed"),
        (ADMIN, {"models": ["m1"], "scopes": ["models:write"]}, InvalidRequest, "validation-failed"),
        (ADMIN, {"models": ["m1"], "scopes": ["admin"]}, InvalidRequest, "validation-failed"),
    ],
)
def test_nobody_gives_what_they_do_not_have(caller: Caller, wish: dict[str, Any], error: type[Exception], code: str) -> None:
    """Refused by name, and nothing is written."""
    house = House()
    with pytest.raises(error, match=code):
        house.issue(caller, **wish)
    assert not house.table.tokens


def test_an_administrator_gives_anything() -> None:
    """Any group, any scope, no end."""
    answer = House().issue(ADMIN, groups=["finance"], scopes=["admin"], expires_in_days=None)
    assert (answer["groups"], answer["scopes"], answer["expires_at"]) == (["finance"], ["admin"], None)


def test_what_is_issued_lets_in_until_it_is_revoked_or_expires() -> None:
    """The token's own life, at the second."""
    house = House()
    answer = house.issue(expires_in_days=1)
    assert house.reason(answer["token"]) == "token"
    house.clock.advance(86_399.999)
    assert house.reason(answer["token"]) == "token"
    house.clock.advance(0.001)
    assert house.reason(answer["token"]) == "token-expired"
    house.revoke(answer["token_id"])
    assert house.reason(answer["token"]) == "token-revoked"


def test_a_token_acts_under_a_name_of_its_own() -> None:
    """Two tokens called alike are two principals, and neither can be a person's."""
    house = House()
    first, second = house.issue(), house.issue()
    assert first["name"] == second["name"]
    assert first["principal"] == f"token:{first['token_id']}" != second["principal"]


@pytest.mark.parametrize(("alter", "reason"), [("secret", "token-forged"), ("id", "token-unknown"), ("text", "token-malformed")])
def test_forged_tokens_are_refused(alter: str, reason: str) -> None:
    """A right id with another secret, an id that nobody has, and a broken checksum."""
    from contracts.tokens import mint

    house = House()
    answer = house.issue()
    secret = answer["token"].split("_")[2]
    forged = {
        "secret": mint(answer["token_id"], secret[::-1]),
        "id": mint("a" * 16, secret),
        "text": answer["token"][:-1] + ("0" if answer["token"][-1] != "0" else "1"),
    }[alter]
    assert house.reason(forged) == reason


def test_a_repeated_request_shows_the_same_token_again() -> None:
    """Also after a rotation of the pepper, though only digest and salt are kept."""
    house = House()
    first = house.issue(key="k")
    house.peppers = FakePeppers("2", **{"1": "salt-and", "2": "fresh"})
    assert house.issue(key="k") == first
    assert len(house.table.tokens) == 1
    assert first["token"] not in repr(house.table.commands) + str([vars(token) for token in house.table.tokens.values()])


def test_a_repeated_request_after_the_pepper_is_gone_says_so() -> None:
    """Then the token is worth nothing anyway."""
    house = House()
    house.issue(key="k")
    house.peppers = FakePeppers("2", **{"2": "fresh"})
    with pytest.raises(Conflict, match="token-not-shown-again"):
        house.issue(key="k")


def test_a_key_belongs_to_one_request_of_one_caller() -> None:
    """Another wish under it is refused; another caller's key of the same text is another key."""
    house = House()
    first = house.issue(key="k")
    with pytest.raises(Conflict, match="idempotency-key-reused"):
        house.issue(key="k", name="other")
    assert house.issue(BOB, key="k")["token_id"] != first["token_id"]


def test_issues_after_lost_races() -> None:
    """Other writes to the table are no reason to bother the caller."""
    house = House(contended=3)
    assert house.issue()["token"]
    assert len(house.table.tokens) == 1


def test_the_first_revocation_stands() -> None:
    """Revoking again answers alike and writes nothing."""
    house = House()
    token_id = house.issue()["token_id"]
    first = house.revoke(token_id)
    house.clock.advance(60)
    assert house.revoke(token_id) == first == house.revoke(token_id, ADMIN)
    assert len(house.table.causes) == 2


@pytest.mark.parametrize("token_id", ["unknown", "a" * 16, "", "../HEAD", "A" * 5000, "ü"])
def test_what_is_not_there_is_not_found(token_id: str) -> None:
    """Whatever stands in the path."""
    with pytest.raises(NotFound, match="token-not-found"):
        House().revoke(token_id)


def test_another_callers_tokens_do_not_exist() -> None:
    """Not to read, not to revoke, not in a list; an administrator sees all."""
    house = House()
    mine = house.issue()["token_id"]
    for act in (lambda: house.revoke(mine, BOB), lambda: ReadToken(house.table)(mine, BOB)):
        with pytest.raises(NotFound, match="token-not-found"):
            act()
    assert ListTokens(house.table)(Page(), BOB)["items"] == []
    assert [item["token_id"] for item in ListTokens(house.table)(Page(), ADMIN)["items"]] == [mine]


def test_lists_page_by_page() -> None:
    """Every token once, and an end."""
    house = House()
    issued = sorted(house.issue()["token_id"] for _ in range(5))
    seen: list[str] = []
    page = Page(limit=2)
    while True:
        answer = ListTokens(house.table)(page, ALICE)
        seen += [item["token_id"] for item in answer["items"]]
        if answer["next_token"] is None:
            break
        page = Page(limit=2, next_token=answer["next_token"])
    assert seen == issued


def test_a_made_up_page_is_refused() -> None:
    """A next_token is a position, not a key."""
    with pytest.raises(InvalidRequest, match="validation-failed"):
        ListTokens(FakeTokenTable())(Page(next_token="TOKENS#x"), ALICE)


def test_without_an_issuer_no_jwt_is_accepted() -> None:
    """Even one whose signature somebody would believe."""
    house = House()
    signatures = FakeSignatures({"alg": "RS256", "kid": "k"}, {})
    use = AuthorizeRequest(house.table, house.peppers, FakeKeys({"kid": "k", "kty": "RSA"}), signatures, None, house.clock)
    assert use("Bearer a.b.c").reason == "credential-unknown"


def test_trouble_lets_nobody_in() -> None:
    """An error of a dependency goes through to the platform, which answers 500."""

    class Down(FakePeppers):
        def peppers(self, needed: str | None = None) -> Any:
            raise ConnectionError

    house = House()
    token = house.issue()["token"]
    house.peppers = Down()
    with pytest.raises(ConnectionError):
        house.reason(token)


def test_a_person_is_recognised_by_claims() -> None:
    """Subject, groups and scopes as the rules say."""
    house = House()
    claims = {"iss": "i", "aud": "a", "sub": "u", "exp": house.clock.now().timestamp() + 1, "cognito:groups": ["slipway-admins"]}
    signatures = FakeSignatures({"alg": "ES256", "kid": "k"}, claims)
    keys = FakeKeys({"kid": "k", "kty": "EC"})
    verdict = AuthorizeRequest(house.table, house.peppers, keys, signatures, OidcRules("i", "a"), house.clock)("Bearer a.b.c")
    assert verdict.caller == Caller("oidc:u", "oidc", ("slipway-admins",), ("admin",))
