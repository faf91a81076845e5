"""Who is limited, and how: the limits that routers follow, each with its purses. On the event loop's thread."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from contracts.limits import Prices, SubjectLimits
from contracts.spending import Amounts, Limit, Period, Window, micro_dollars, window_of
from router.limits.purse import Purse

_PERIODS: Final[tuple[Period, ...]] = ("now", "minute", "day", "month")
_NEVER: Final = math.inf
_MILLION: Final = 1_000_000


class Tariff:
    """A model's prices as micro-dollars for a million tokens."""

    __slots__ = ("cached", "input", "output")

    def __init__(self, fresh: int, output: int, cached: int) -> None:
        self.input, self.output, self.cached = fresh, output, cached

    @classmethod
    def of(cls, prices: Prices) -> "Tariff":
        """That an administrator has set."""
        fresh, output, cached = prices.input_usd, prices.output_usd, prices.cached_input_usd
        return cls(micro_dollars(fresh), micro_dollars(output), micro_dollars(fresh if cached is None else cached))

    def cost(self, fresh: int, output: int, cached: int = 0) -> int:
        """Whole micro-dollars, rounded up."""
        return -(-(fresh * self.input + output * self.output + cached * self.cached) // _MILLION)


class Subject:
    """One limited token, group or model. `purses` are those of the periods that run at `turns_at` (seconds since 1970) at the latest."""

    __slots__ = ("counts_money", "kind", "limits", "minute", "periods", "purses", "subject_id", "tariff", "turns_at")

    def __init__(self, limits: SubjectLimits) -> None:
        self.kind, self.subject_id = limits.kind, limits.subject_id
        self.purses: tuple[Purse, ...] = ()
        self.minute: Purse | None = None
        self.turns_at = 0.0
        self.know(limits)

    def know(self, limits: SubjectLimits) -> None:
        """The limits are these from now on."""
        self.limits = limits
        found = ((period, limits.in_period(period)) for period in _PERIODS)
        self.periods = tuple((period, limit) for period, limit in found if limit is not None)
        self.tariff = None if limits.prices is None else Tariff.of(limits.prices)
        self.counts_money = any(budget.usd is not None for budget in limits.budgets)
        self.turns_at = 0.0
        for purse in self.purses:
            limit = limits.in_period(purse.window.period)
            if limit is not None and limit != purse.limit:
                purse.bound(limit)


class LimitBook:
    """Subjects by kind and id; the store of the feed `limits` (`feed.Store`). `retire` is told of purses whose time, or limit, is over."""

    def __init__(self, *, routers: int, new_name: Callable[[], str], retire: Callable[[Purse], None]) -> None:
        self._routers, self._new_name, self._retire = routers, new_name, retire
        self._windows: dict[Period, Window] = {}
        self._by_key: dict[str, Subject] = {}
        self._debts: dict[tuple[str, str, str], Amounts] = {}
        self.tokens: dict[str, Subject] = {}
        self.groups: dict[str, Subject] = {}
        self.models: dict[str, Subject] = {}

    def turn(self, subject: Subject, now: float) -> None:
        """Put the subject's purses right: those of the periods that run now, under the limits that hold now."""
        held = {purse.window.sk: purse for purse in subject.purses if not purse.dead}
        purses = []
        for period, limit in subject.periods:
            window = self._window(period, now)
            purse = held.pop(window.sk, None)
            if purse is None:
                purse = self._open(subject, window, limit)
            elif purse.limit != limit:
                purse.bound(limit)
            purses.append(purse)
        for purse in held.values():
            self._retire(purse)
        subject.purses = tuple(purses)
        subject.minute = next((purse for purse in purses if purse.window.period == "minute"), None)
        subject.turns_at = min((purse.window.ends for purse in purses if purse.window.ends), default=_NEVER)

    def lost(self, purse: Purse) -> None:
        """A purse's lease was counted as lost; what it used beyond that, the next one of the same period answers for."""
        self._debts[purse.kind, purse.subject_id, purse.window.sk] = purse.debt
        subject = self._by_key.get(f"{purse.kind}#{purse.subject_id}")
        if subject is not None:
            subject.turns_at = 0.0

    def _window(self, period: Period, now: float) -> Window:
        """That in which this moment lies; most subjects turn at the same ones."""
        window = self._windows.get(period)
        if window is None or (window.ends and not window.starts <= now < window.ends):
            window = self._windows[period] = window_of(period, now)
        return window

    def _open(self, subject: Subject, window: Window, limit: Limit) -> Purse:
        purse = Purse(subject.kind, subject.subject_id, window, limit, name=self._new_name(), routers=self._routers)
        debt = self._debts.pop((subject.kind, subject.subject_id, window.sk), None)
        if debt is not None:
            purse.carry(debt)
        return purse

    # What the follower of the feed needs (`feed.Store`).

    def parse(self, document: dict[str, Any]) -> tuple[str, int, SubjectLimits]:
        """Key, generation and limits of a document; ValueError for one that cannot be used."""
        limits = SubjectLimits.receive(document)
        return limits.key, limits.generation, limits

    def apply(self, changed: Mapping[str, SubjectLimits], removed: Iterable[str]) -> None:
        """Take over changed limits, forget removed ones."""
        for key in removed:
            subject = self._by_key.pop(key, None)
            if subject is not None:
                self._of(subject.kind).pop(subject.subject_id, None)
                for purse in subject.purses:
                    self._retire(purse)
        for key, limits in changed.items():
            subject = self._by_key.get(key)
            if subject is None:
                self._by_key[key] = self._of(limits.kind)[limits.subject_id] = Subject(limits)
            else:
                subject.know(limits)

    def keys(self) -> set[str]:
        """Every key held."""
        return set(self._by_key)

    def revision_of(self, key: str) -> int:
        """The generation of the limits held, 0 for none."""
        subject = self._by_key.get(key)
        return subject.limits.generation if subject else 0

    def documents(self) -> list[dict[str, Any]]:
        """Every row as it came."""
        return [subject.limits.document() for subject in self._by_key.values()]

    def _of(self, kind: str) -> dict[str, Subject]:
        return {"token": self.tokens, "group": self.groups, "model": self.models}[kind]
