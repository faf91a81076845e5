"""H9: a token that is revoked: the real authorizer over the fabric's table, and the router's own token table and feed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from contracts.tokens import Peppers
from router.errors import ApiError
from router.feed import SourceUnavailable
from router.identity import Authenticator, TokenTable
from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import skewed
from tests.fabric.platform import ADMIN, PEPPER, Fabric
from tests.unit.router.fakes import Followed

REVOCATION = Hop("H9", "revocation of API tokens")
_WANTED: dict[str, Any] = {"name": "mine", "groups": ["research"], "scopes": ["models:read", "inference"], "expires_in_days": 1}


def _issue(fabric: Fabric) -> dict[str, Any]:
    status, token, _ = fabric.http("issue_token", "POST", "/tokens", caller=ADMIN, body=_WANTED)
    assert status == 201, token
    assert _use(fabric, token["token"]) == 200
    found: dict[str, Any] = token
    return found


def _use(fabric: Fabric, token: str) -> int:
    return fabric.http("list_models", "GET", "/models", token=token)[0]


def _revoke(fabric: Fabric, token: dict[str, Any], **more: Any) -> int:
    return fabric.http("revoke_token", "DELETE", f"/tokens/{token['token_id']}", caller=ADMIN, **more)[0]


def _row(fabric: Fabric, token: dict[str, Any]) -> dict[str, Any]:
    return fabric.rows("access")["TOKENS", f"TOKEN#{token['token_id']}"]


class Door:
    """A router's door: it follows a table of tokens, and knows whom it has cut off."""

    def __init__(self, folder: str) -> None:
        self.cut: list[str] = []
        self.now = 1_767_225_600.0
        self.table = TokenTable(self.cut.append)
        self.followed = Followed(Path(folder), store=self.table)
        self.keeper = Authenticator(self.table, None, lambda: self.now)
        self.keeper.peppers = Peppers.parse(PEPPER)

    def told(self, row: dict[str, Any]) -> None:
        """The table has this row now, and the router follows."""
        self.followed.source.write(row["token_id"], row)
        asyncio.run(self._step())

    async def _step(self) -> None:
        await self.followed.follower.step()

    def asks(self, token: str) -> int:
        """What a request with this token gets."""
        try:
            self.keeper.verify_token(token)
        except ApiError as error:
            return error.status
        return 200


def _at_the_door(work: Callable[[Fabric, Door, dict[str, Any]], int]) -> int:
    """Work with a token that a router knows."""
    with Fabric(seed=20) as fabric, TemporaryDirectory() as folder:
        token = _issue(fabric)
        door = Door(folder)
        door.told(_row(fabric, token))
        assert door.asks(token["token"]) == 200
        try:
            return work(fabric, door, token)
        finally:
            door.followed.executor.shutdown()


def _failing(error: str) -> int:
    """The table fails the authorizer so: nobody is let in, and nobody is told that a good token is bad."""
    with Fabric(seed=1) as fabric:
        token = _issue(fabric)
        for asked in (token["token"], token["token"][:-1] + "x"):
            fabric.fault("dynamodb", "GetItem", error)
            assert _use(fabric, asked) in {403, 500}
            assert _use(fabric, token["token"]) in {200, 500}
        fabric._faults.calm()
        assert _use(fabric, token["token"]) == 200
        return fabric.fired[f"{error} dynamodb.GetItem"]


@REVOCATION.cell
def duplicate() -> int:
    """A token that is revoked twice is answered alike, and changed once."""
    with Fabric(seed=2) as fabric:
        token = _issue(fabric)
        first = _revoke(fabric, token)
        before = fabric.rows("access")
        assert _revoke(fabric, token) == first
        after = fabric.rows("access")
        assert {key: row for key, row in after.items() if not key[0].startswith("COMMAND#")} == {
            key: row for key, row in before.items() if not key[0].startswith("COMMAND#")
        }
        return fabric.functions.runs["AccessRevokeTokenFunction"] - 1


@REVOCATION.cell
def reorder() -> int:
    """A row from before the revocation that reaches a router after it changes nothing: its generation is older."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        issued = _row(fabric, token)
        _revoke(fabric, token)
        revoked = _row(fabric, token)
        door.told(revoked)
        door.told(issued)
        assert door.asks(token["token"]) == 401
        return int(revoked["generation"]) - int(issued["generation"])

    return _at_the_door(work)


@REVOCATION.cell
def loss() -> int:
    """The event is lost: routers follow the table, not the bus, and the API asks the table itself."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        _revoke(fabric, token)
        for thing in [one for one in fabric.things if one.kind == "stream"]:
            fabric.drop(thing)
        assert _use(fabric, token["token"]) == 403
        door.told(_row(fabric, token))
        assert door.asks(token["token"]) == 401
        return fabric.fired["drop stream"]

    return _at_the_door(work)


@REVOCATION.cell
def delay() -> int:
    """The API refuses at once; a router that has not followed yet does so with its next look, a second later or fifteen at most."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        _revoke(fabric, token)
        assert _use(fabric, token["token"]) == 403
        late = door.asks(token["token"])
        for errors in range(11):
            door.followed.follower._errors = errors
            assert door.followed.follower.delay() <= 15.0
        door.told(_row(fabric, token))
        assert door.asks(token["token"]) == 401
        return int(late == 200)

    return _at_the_door(work)


@REVOCATION.cell
def poison() -> int:
    """What is no token, or none of ours, is refused by both doors alike, and a row that cannot be read leaves the one before."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        text = token["token"]
        forged = [text[:-1] + ("0" if text[-1] != "0" else "1"), text.upper(), "slp_", "slp_" + "a" * 66, text + "x", "x" * 10_000]
        for one in forged:
            assert door.asks(one) == 401, one
            assert _use(fabric, one) == 403, one
        door.told({"token_id": token["token_id"], "generation": "poison"})
        assert door.asks(text) == 200
        return len(forged) + int(door.followed.poison())

    return _at_the_door(work)


@REVOCATION.cell
def throttling() -> int:
    """While its table is throttled the authorizer lets nobody in, known or unknown."""
    return _failing("throttled")


@REVOCATION.cell
def crash_between_writes() -> int:
    """A revocation is one write: whichever call its function dies around, the token is good or revoked, and a repetition revokes it."""
    crashes = 0
    for number in range(20):
        for moment in ("before", "after"):
            with Fabric(seed=3) as fabric:
                token = _issue(fabric)
                fabric.crash_next(number, moment)
                _revoke(fabric, token)
                if not fabric.fired.total():
                    return crashes
                crashes += 1
                assert _use(fabric, token["token"]) in {200, 403}
                assert _revoke(fabric, token) in {200, 204}
                assert _use(fabric, token["token"]) == 403
    return crashes


@REVOCATION.cell
def timeout_after_success() -> int:
    """A revocation whose answer was lost holds, and its repetition is answered well."""
    with Fabric(seed=4) as fabric:
        token = _issue(fabric)
        fabric.fault("dynamodb", "TransactWriteItems", "lost")
        assert _revoke(fabric, token) == 503
        assert _use(fabric, token["token"]) == 403
        assert _revoke(fabric, token) in {200, 204}
        return fabric.fired["lost dynamodb.TransactWriteItems"]


@REVOCATION.cell
def stale_read() -> int:
    """The authorizer reads the token's own row consistently, never a list or an index: what others read may be old, it may not."""
    with Fabric(seed=5) as fabric:
        token = _issue(fabric)
        _revoke(fabric, token)
        before = fabric.calls.copy()
        fabric.stale_next(times=50)
        assert _use(fabric, token["token"]) == 403
        made = fabric.calls - before
        assert made["dynamodb.GetItem"] == 1
        assert made["dynamodb.Query"] == 0
        fabric.http("list_models", "GET", "/models")
        return sum(times for name, times in fabric.fired.items() if name.startswith("stale"))


@REVOCATION.cell
def clock_skew() -> int:
    """A token is expired from its second on, by either door's own clock, without leeway."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        skewed(fabric, 86_400.0)
        assert _use(fabric, token["token"]) == 403
        door.now += 86_399.0
        assert door.asks(token["token"]) == 200
        door.now += 1.0
        assert door.asks(token["token"]) == 401
        return 2

    return _at_the_door(work)


@REVOCATION.cell
def region_5xx() -> int:
    """With its table away the authorizer lets nobody in; a router goes on with the tokens that it knows, and lets in no other."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        door.followed.source.dead = True
        with pytest.raises(SourceUnavailable):
            asyncio.run(door._step())
        assert door.asks(token["token"]) == 200
        assert door.asks(_issue(fabric)["token"]) == 401
        return 1

    return _failing("unavailable") + _at_the_door(work)


@REVOCATION.cell
def health_flap() -> int:
    """What a revoked token has open is cut when the router hears of it, and nothing is cut twice though its row comes again and again."""

    def work(fabric: Fabric, door: Door, token: dict[str, Any]) -> int:
        _revoke(fabric, token)
        row = _row(fabric, token)
        for _ in range(3):
            door.told(row)
        assert set(door.cut) == {token["token_id"]}
        assert door.asks(token["token"]) == 401
        return door.followed.source.revision - 1

    return _at_the_door(work)


REVOCATION.reasoned(
    partial_batch="A revocation is one row in one transaction; routers that have followed and others that have not are H8's.",
    quota="No number of tokens has a limit here; what a caller may hold in flight is limited per model by the router.",
    gpu_shortage="Who may ask is decided before anybody looks for capacity.",
    out_of_memory="Who may ask is decided without any engine.",
    spot="Who may ask is decided without any instance of ours but the router's own, whose restart is H8's.",
)
