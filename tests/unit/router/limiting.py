"""Routers' limits over one spend table in memory, in a time that the test tells."""

import asyncio
import io
import random
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from contracts.limits import SubjectLimits
from contracts.routing import route_of
from contracts.spending import Account
from router.identity import Caller
from router.limits.admission import Admission
from router.limits.book import LimitBook
from router.limits.gate import Gate, GateRules
from router.limits.lender import Lender, LendingRules
from router.limits.spend_table import Overtaken, Row, SpendUnavailable, Told
from router.log import Log
from router.metrics import Metrics
from router.routes import Prepared, prepare
from tests.unit.router import fakes
from tests.unit.router.fakes import route

TOKEN = "abcdefghijklmn23"
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test in an event loop of its own."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def caller(token_id: str = TOKEN, *groups: str) -> Caller:
    """Who bears a token."""
    return Caller(f"token:{token_id}", frozenset(groups), token_id=token_id)


def limited(kind: str = "token", subject_id: str = TOKEN, generation: int = 1, **limits: Any) -> SubjectLimits:
    """Limits as they are followed."""
    about = {"kind": kind, "subject_id": subject_id, "generation": generation, "updated_by": "oidc:ada", "updated_at": "now"}
    return SubjectLimits.validate_document(about | limits)


def model(model_id: str = "tiny", **changes: Any) -> Prepared:
    """A route."""
    return prepare(route_of(route(model_id, **changes)))


class Inline(Executor):
    """Runs what it is given at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Run it."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed to who waits
            future.set_exception(error)
        return future


class Stuck(Executor):
    """Begins nothing of what it is given."""

    def submit(self, _fn: Callable[..., Any], /, *_args: Any, **_kwargs: Any) -> "Future[Any]":
        """Keep it waiting."""
        return Future()


@dataclass
class SpendRows:
    """The spend table. `trouble` decides of each call what becomes of it: "" nothing, "away" it never arrives, "lost" its answer."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    facts: list[Told] = field(default_factory=list)
    trouble: Callable[[str], str] = lambda _operation: ""
    reads: int = 0
    writes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, pk: str, sk: str) -> Row:
        """See `lender.Spending`."""
        self.reads += 1
        if self.trouble("read"):
            raise SpendUnavailable("away")
        return self.rows.get((pk, sk), Row(Account(), 0))

    def write(self, pk: str, sk: str, row: Row, _expires_at: int | None, told: Sequence[Told] = ()) -> None:
        """See `lender.Spending`."""
        trouble = self.trouble("write")
        if trouble == "away":
            raise SpendUnavailable("away")
        with self.lock:
            if self.rows.get((pk, sk), Row(Account(), 0)).revision != row.revision:
                raise Overtaken
            self.writes += 1
            self.rows[pk, sk] = Row(Account.parse(row.account.document()), row.revision + 1)
            self.facts += told
        if trouble == "lost":
            raise SpendUnavailable("lost")

    def account(self, kind: str, subject_id: str, period: str) -> Account:
        """The only account of a subject in a period of this kind."""
        [found] = [row.account for (pk, sk), row in self.rows.items() if pk == f"SPEND#{kind}#{subject_id}" and sk.startswith(period)]
        return found


@dataclass
class Clock(fakes.Clock):
    """Seconds since 1970."""

    now: float = NOON


class Station:
    """The limits of one router."""

    def __init__(
        self,
        table: SpendRows,
        clock: Clock,
        *,
        routers: int = 1,
        name: str = "r",
        gate: GateRules | None = None,
        executor: Executor | None = None,
        **rules: Any,
    ) -> None:
        self.metrics = Metrics()
        self.lender = Lender(
            table,
            executor or Inline(),
            LendingRules(**rules),
            environment="test",
            router_id=name,
            metrics=self.metrics,
            log=Log(io.BytesIO()),
            now=clock,
        )
        self.book = LimitBook(routers=routers, new_name=self.lender.new_name, retire=self.lender.retire)
        self.lender.lost = self.book.lost
        self.gate = Gate(self.book, self.lender, gate or GateRules(wait_seconds=0.05), self.metrics, now=clock)

    def follow(self, *limits: SubjectLimits) -> "Station":
        """These are the limits now."""
        self.book.apply({each.key: each for each in limits}, ())
        return self

    async def settle(self) -> None:
        """Let the background work, settle once, and let it work again."""
        await rest()
        await self.lender.settle()
        await rest()

    async def admit(self, who: Caller | None = None, what: Prepared | None = None, size: int = 40, **document: Any) -> Admission:
        """Let a request in, at once or after a wait; ApiError."""
        given = {"max_tokens": 10} | document
        who, what = who or caller(), what or model()
        return self.gate.enter(who, what, given, size) or await self.gate.wait(who, what, given, size)


@dataclass(frozen=True)
class Spent:
    """What an answer used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


async def rest() -> None:
    """Let what was begun in the background go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def chance(seed: int) -> random.Random:
    """Reproducible."""
    return random.Random(seed)
