"""Access's functions over the wire: tokens from issue to revocation, and what others see of them."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from contracts.access import Token, TokenIssued, TokenRevoked, TokenRow
from contracts.views import IssuedToken, TokenList
from kit.aws import client
from tests.fabric.crash import sweep, watching
from tests.fabric.wire import Context, http_event, stream_event
from tests.fabric.world import images, ledger, rows, told
from tests.functional.access.conftest import ADMIN, ALICE, BOB, House, access_world


def _tokens() -> list[dict[str, Any]]:
    return [document for (_, sk), document in rows("tokens").items() if sk.startswith("TOKEN#")]


def test_a_token_lives_from_issue_to_revocation(house: House) -> None:
    """201, let in, revoked, refused at once; the ledger tells both facts and knows no digest."""
    answer = house.issue(groups=["research"])
    assert answer["statusCode"] == 201
    issued = IssuedToken.validate_document(answer["json"])
    assert answer["headers"]["location"] == f"/tokens/{issued.token_id}"
    principal = json.loads(house.judge(f"Bearer {issued.token}")["context"]["principal"])
    assert principal == {
        "subject": issued.principal,
        "kind": "token",
        "groups": ["research"],
        "scopes": ["inference"],
        "token_id": issued.token_id,
    }
    revoked = house.revoke(issued.token_id)
    assert Token.validate_document(revoked["json"]).revoked_at is not None
    assert not house.lets_in(issued.token)
    first, second = ledger("tokens")
    TokenIssued.validate_document(first["data"])
    TokenRevoked.validate_document(second["data"])
    assert (first["metadata"]["actor"], first["metadata"]["correlation_id"]) == ("oidc:alice", "request-1")
    assert second["before"]["revoked_at"] is None


def test_a_token_for_some_models_is_let_in_for_those_only(house: House) -> None:
    """The restriction goes with the caller, so that every door knows of it."""
    token = house.issue(groups=["research"], models=["smollm2-135m"])["json"]["token"]
    principal = json.loads(house.judge(f"Bearer {token}")["context"]["principal"])
    assert principal["only"] == ["smollm2-135m"]


def test_the_table_holds_nothing_that_lets_anybody_in(house: House) -> None:
    """Neither the token nor its secret part is anywhere in the table, also when the answer is remembered; events have no digest."""
    token = house.issue(key="k")["json"]["token"]
    everything = json.dumps(images("tokens"))
    assert token not in everything
    assert token.split("_")[2] not in everything
    (row,) = _tokens()
    assert TokenRow.validate_document(row).digest not in json.dumps(ledger("tokens"))


def test_a_repeated_request_gets_the_first_answer(house: House) -> None:
    """The same token again; another request under the key is refused; without a key each is a new one."""
    first = house.issue(key="k")
    assert house.issue(key="k")["json"] == first["json"]
    assert house.issue(key="k", name="other")["json"]["code"] == "idempotency-key-reused"
    assert house.issue()["json"]["token_id"] != house.issue()["json"]["token_id"]
    assert len(_tokens()) == 3


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic eDp5", "Bearer slp_", "Bearer a.b.c", "Bearer \x00", "Bearer " + "a" * 100_000]
)
def test_nobody_gets_in_without_a_credential(house: House, header: str | None) -> None:
    """Whatever stands in the header, without an exception."""
    assert house.judge(header) == {"isAuthorized": False, "context": {}}


def test_a_token_call_loads_neither_pyjwt_nor_pydantic() -> None:
    """What only some calls need does not make every call wait: neither is imported before it is used."""
    code = (
        "import sys; import functions.access.authorize_request.handler; from access import wiring; wiring.authorize_request();"
        "print([name for name in ('jwt', 'cryptography', 'pydantic') if name in sys.modules])"
    )
    root = Path(__file__).parents[3]
    environment = {
        "PYTHONPATH": ":".join(str(root / part) for part in ("", "layers/kit", "layers/contracts", "layers/access")),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "ENVIRONMENT": "test",
        "TOKEN_TABLE": "t",
        "PEPPER_SECRET_ARN": "p",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PEOPLE = {"owner": ALICE, "stranger": BOB, "admin": ADMIN, "reader": {**BOB, "scopes": ["models:read"]}, "nobody": None}
STATUS = {"owner": 200, "stranger": 404, "admin": 200, "reader": 403, "nobody": 401}


@pytest.mark.parametrize("who", PEOPLE)
def test_who_reaches_a_token_by_its_id(house: House, who: str) -> None:
    """Owner and administrators; for everybody else it does not exist, and revoking it changes nothing."""
    token = house.issue()["json"]
    caller = PEOPLE[who]
    read = house.call("read_token", "GET", "/tokens/x", caller, path_parameters={"token_id": token["token_id"]})
    revoke = house.call("revoke_token", "DELETE", "/tokens/x", caller, path_parameters={"token_id": token["token_id"]})
    assert (read["statusCode"], revoke["statusCode"]) == (STATUS[who], STATUS[who])
    assert house.lets_in(token["token"]) is (STATUS[who] != 200)


def test_a_strange_and_an_unknown_id_answer_alike(house: House) -> None:
    """Byte for byte, but for nothing: existence is not told."""
    token_id = house.issue()["json"]["token_id"]
    assert house.read(token_id, BOB)["body"] == house.read("a" * 16, BOB)["body"]


def test_lists_belong_to_their_reader(house: House) -> None:
    """Own tokens page by page; an administrator sees all; a foreign position reveals nothing."""
    mine = sorted(house.issue()["json"]["token_id"] for _ in range(3))
    theirs = house.issue(BOB)["json"]["token_id"]
    first = TokenList.validate_document(house.list(limit="2")["json"])
    assert first.next_token is not None
    second = TokenList.validate_document(house.list(limit="2", next_token=first.next_token)["json"])
    assert [token.token_id for token in [*first.items, *second.items]] == mine
    assert second.next_token is None
    assert {token["token_id"] for token in house.list(ADMIN)["json"]["items"]} == {*mine, theirs}
    everything = {token["token_id"] for token in house.list(BOB, next_token="a" * 16)["json"]["items"]}
    assert everything <= {theirs}


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ("{", 400, None),
        ("[]", 400, None),
        ("[" * 100_000, 400, None),
        ('{"name": "' + "x" * 1_000_000 + '"}', 413, None),
        ({"name": ""}, 422, "name"),
        ({"name": "n", "unknown": 1}, 422, "unknown"),
        ({"name": "n", "scopes": []}, 422, "scopes"),
        ({"name": "n", "scopes": ["root"]}, 422, "scopes[0]"),
        ({"name": "n", "groups": ["a b"]}, 422, "groups[0]"),
        ({"name": "n", "expires_in_days": 0}, 422, "expires_in_days"),
        ('{"name": "\\ud800"}', 400, None),
        ({"name": "n", "expires_in_days": None}, 422, "expires_in_days"),
    ],
)
def test_bad_input_is_named_and_writes_nothing(house: House, body: Any, status: int, path: str | None) -> None:
    """4xx with the field's path, and an empty table."""
    answer = house.call("issue_token", "POST", "/tokens", ALICE, body=body)
    assert answer["statusCode"] == status
    assert answer["headers"]["content-type"] == "application/problem+json"
    if path:
        assert answer["json"]["errors"][0]["path"] == path
    assert images("tokens") == []


def test_a_new_pepper_does_not_end_old_tokens(house: House) -> None:
    """Both generations verify; the next token is made under the new one."""
    from access import wiring
    from tests.fabric.world import forget

    old = house.issue()["json"]["token"]
    client("secretsmanager").put_secret_value(SecretId="pepper", SecretString='{"current": "2", "1": "x7Zq0", "2": "y8"}')
    forget(wiring)
    new = house.issue()["json"]["token"]
    assert {row["pepper_id"] for row in _tokens()} == {"1", "2"}
    assert house.lets_in(old)
    assert house.lets_in(new)


def test_the_pepper_is_read_once_for_many_calls(house: House) -> None:
    """Kept in the process: a call costs one read of the table."""
    token = house.issue()["json"]["token"]
    with watching() as watch:
        for _ in range(5):
            house.lets_in(token)
    assert len(watch.of("GetSecretValue")) <= 1
    assert [call.parameters["ConsistentRead"] for call in watch.of("GetItem")] == [True] * 5


def test_a_broken_pepper_answers_500_and_shows_nothing(house: House) -> None:
    """Its content stands in no answer."""
    client("secretsmanager").put_secret_value(SecretId="pepper", SecretString="hot-and-malformed")
    answer = house.issue()
    assert (answer["statusCode"], answer["json"]["code"]) == (500, "internal-error")
    assert "hot" not in answer["body"]


def test_serves_its_own_description() -> None:
    """To everybody, with an ETag that saves the second transfer."""
    handler = import_module("functions.access.read_api_document.handler").handler
    answer = handler(http_event("GET", "/openapi.json"), Context())
    assert answer["statusCode"] == 200
    assert "/tokens" in json.loads(answer["body"])["paths"]
    again = handler(http_event("GET", "/openapi.json", headers={"If-None-Match": answer["headers"]["etag"]}), Context())
    assert (again["statusCode"], again["body"]) == (304, "")


def test_announces_what_was_issued(house: House) -> None:
    """The bus hears of the token, not the token."""
    token = house.issue()["json"]["token"]
    recorded = [image for image in images("tokens") if image["sk"]["S"].startswith("LEDGER#")]
    with watching() as watch:
        import_module("functions.access.announce_token_changes.handler").handler(stream_event(recorded), Context())
    (entry,) = watch.of("PutEvents")[0].parameters["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("slipway.access", "TokenIssued")
    assert token.split("_")[2] not in entry["Detail"]
    assert import_module("functions.access.sweep_tokens.handler").handler({}, Context()) == {"announced": 0}


def test_issuing_survives_a_crash_at_every_call() -> None:
    """Asked again with the same key, there is one token, one fact, and the answer's token lets its bearer in."""

    def observe(house: House) -> Any:
        answer = house.issue(key="k")
        return len(_tokens()), told("tokens"), answer["statusCode"], house.lets_in(answer["json"]["token"])

    assert sweep(access_world, lambda house: house.issue(key="k"), observe) >= 8


def test_revoking_survives_a_crash_at_every_call() -> None:
    """Asked again, the token is revoked once and nobody is let in."""

    def act(house: House) -> None:
        token = house.issue(key="k")["json"]
        house.revoke(token["token_id"], key="r")

    def observe(house: House) -> Any:
        return told("tokens"), [row["generation"] for row in _tokens()], house.lets_in(house.issue(key="k")["json"]["token"])

    assert sweep(access_world, act, observe) >= 12


def test_judging_and_reading_survive_a_crash_at_every_call() -> None:
    """They change nothing, whatever happens to them."""

    def act(house: House) -> None:
        token = house.issue(key="k")["json"]
        house.lets_in(token["token"])
        house.read(token["token_id"])
        house.list()

    assert sweep(access_world, act, lambda _: (told("tokens"), len(_tokens()))) >= 12


def test_telling_the_bus_survives_a_crash_at_every_call() -> None:
    """In the end no marker is left."""

    def act(house: House) -> None:
        house.issue(key="k")
        recorded = [image for image in images("tokens") if image["sk"]["S"].startswith("LEDGER#")]
        import_module("functions.access.announce_token_changes.handler").handler(stream_event(recorded), Context())
        import_module("functions.access.sweep_tokens.handler").handler({}, Context())

    assert sweep(access_world, act, lambda _: [key for key in rows("tokens") if key[0].startswith("OUTBOX#")]) >= 8
