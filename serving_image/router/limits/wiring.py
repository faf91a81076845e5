"""Putting limits together: the book that follows the feed, the lender, and the gate in front of every request."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from router import aws
from router.background import workers
from router.feed import Follower
from router.limits.book import LimitBook
from router.limits.gate import Gate, GateRules
from router.limits.lender import Lender, LendingRules
from router.limits.spend_table import SpendTable
from router.log import Log
from router.metrics import Metrics
from router.settings import Settings
from router.state import StateDirectory

_THREADS: Final = 4
_CALM: Final = 2


class Limiting:
    """Everything about limits that one router process holds. `book` is the store of the feed; `gate` lets requests in."""

    def __init__(self, settings: Settings, dynamodb: Any, metrics: Metrics, log: Log, failed: Callable[[], None]) -> None:
        self._settings, self._dynamodb, self._metrics, self._log = settings, dynamodb, metrics, log
        self._threads = workers(_THREADS, "spend")
        self.lender = Lender(
            SpendTable(dynamodb, settings.spend_table),
            self._threads,
            LendingRules(
                settle_seconds=settings.settle_seconds,
                lease_seconds=settings.lease_seconds,
                slices=settings.budget_slices,
                strict=settings.strict_budgets,
            ),
            environment=settings.environment,
            router_id=settings.router_id,
            metrics=metrics,
            log=log,
        )
        self.book = LimitBook(routers=settings.routers, new_name=self.lender.new_name, retire=self.lender.retire)
        self.lender.lost, self.lender.failed = self.book.lost, failed
        self.gate = Gate(
            self.book,
            self.lender,
            GateRules(
                wait_seconds=settings.limit_wait_seconds,
                room_seconds=settings.room_wait_seconds,
                room_waiting=settings.max_room_waiting,
                default_output=settings.estimated_output_tokens,
            ),
            metrics,
        )

    def follower(self, executor: Executor, state: StateDirectory, alarm: Callable[[], None]) -> Follower:
        """The feed of limits: seldom changed, and looked at less often than routes."""
        settings = self._settings
        return Follower(
            "limits",
            settings.token_table,
            aws.limit_feed(self._dynamodb, settings.token_table),
            self.book,
            state=state,
            executor=executor,
            metrics=self._metrics,
            log=self._log,
            idle_seconds=_CALM * settings.follow_seconds,
            busy_seconds=settings.follow_seconds,
            most_rows=settings.max_tokens_held,
            alarm=alarm,
        )

    async def close(self, seconds: float) -> None:
        """Give every lease back, within so many seconds."""
        await self.lender.close(seconds)
        self._threads.shutdown(wait=False, cancel_futures=True)
