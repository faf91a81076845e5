"""The arithmetic of leases: nothing is promised twice, whatever routers do, when they die, and whatever they repeat."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contracts.spending import (
    NOTHING,
    THRESHOLDS,
    Account,
    Claim,
    Lease,
    Period,
    crossings,
    dollars,
    end,
    expire,
    micro_dollars,
    renew,
    window_of,
)

LEASE = 60
sizes = st.integers(0, 400)


@dataclass
class Holder:
    """A router as the model knows it: what it may use, and what it has."""

    granted: int = 0
    used: int = 0
    leased: bool = False


class Leasing(RuleBasedStateMachine):
    """Routers lease, use, tell, give back and die at any moment; the sum of what they used never passes the limit."""

    @initialize(limit=st.integers(0, 1000), routers=st.integers(1, 4))
    def begin(self, limit: int, routers: int) -> None:
        """A budget of tokens, and nobody who has leased of it."""
        self.limit, self.now, self.account = limit, 0, Account()
        self.holders = {f"r{number}": Holder() for number in range(routers)}
        self.told: list[int] = []
        self.everything = 0

    @rule(who=st.integers(0, 3), size=sizes)
    def use(self, who: int, size: int) -> None:
        """A request within what is leased; a lease whose time is over is used all the same, as by a router that cannot reach the table."""
        holder = self._holder(who)[1]
        taken = min(size, holder.granted - holder.used)
        holder.used += taken
        self.everything += taken

    @rule(who=st.integers(0, 3), need=sizes, want=sizes, twice=st.booleans())
    def renew(self, who: int, need: int, want: int, twice: bool) -> None:
        """The lease is told and asked for anew; said twice, it is the same."""
        name, holder = self._holder(who)
        account = expire(self.account, self.now, holder=name)
        if holder.leased and name not in account.leases:
            self.account = account
            holder.granted = holder.used = 0
            holder.leased = False
            return
        claim = Claim((0, holder.used, 0), (0, holder.used, 0), (0, need, 0), (0, want, 0), len(self.holders))
        for _ in range(1 + twice):
            self.account, lease = renew(self.account, name, claim, (None, self.limit, None), self.now, expires_at=self.now + LEASE)
        holder.granted, holder.leased = lease.granted[1], True
        self._cross()

    @rule(who=st.integers(0, 3), twice=st.booleans())
    def give_back(self, who: int, twice: bool) -> None:
        """The rest is for others; said twice, it is the same."""
        name, holder = self._holder(who)
        if not holder.leased:
            return
        for _ in range(1 + twice):
            self.account = end(self.account, name, (0, holder.used, 0))
        holder.granted = holder.used = 0
        holder.leased = False
        self._cross()

    @rule(who=st.integers(0, 3))
    def die(self, who: int) -> None:
        """The process is gone, with whatever it had not told; another takes its place, under another name."""
        name = self._holder(who)[0]
        del self.holders[name]
        self.holders[f"{name}'"] = Holder()

    @rule(seconds=st.integers(1, 2 * LEASE))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def nothing_is_overspent(self) -> None:
        """Used by anybody, told or not: at most the limit. And what is promised is at most the limit."""
        assert self.everything <= self.limit
        assert self.account.spent[1] + self.account.reserved[1] <= self.limit

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Once every lease is over, what was used counts as spent; more only by what dead routers had leased."""
        over = expire(self.account, self.now + 10 * LEASE)
        assert self.everything <= over.spent[1] <= self.limit
        assert over.leases == {}

    @invariant()
    def thresholds_are_told_once(self) -> None:
        """Each at most once, in rising order."""
        assert self.told == sorted(set(self.told))

    def _holder(self, who: int) -> tuple[str, Holder]:
        names = sorted(self.holders)
        name = names[who % len(names)]
        return name, self.holders[name]

    def _cross(self) -> None:
        self.account, crossed = crossings(self.account, (None, self.limit, None))
        self.told += [each.threshold for each in crossed]


Leasing.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_leasing = Leasing.TestCase


@given(spends=st.lists(st.integers(0, 30), max_size=60), budget=st.integers(1, 200))
def test_every_threshold_is_told_exactly_once_when_it_is_reached(spends: list[int], budget: int) -> None:
    """50, 80 and 100 %, each at the first write that reaches it, and never before or again."""
    account, told, total = Account(), [], 0
    for spend in spends:
        total += spend
        account, crossed = crossings(Account(closed=(0, 0, total), told=account.told), (None, None, budget))
        told += [each.threshold for each in crossed]
        assert told == [share for share in THRESHOLDS if total * 100 >= share * budget]


def test_a_dead_routers_lease_counts_as_spent_and_a_place_comes_back() -> None:
    """What it had leased may be used up; what it had under way has died with it."""
    account = Account(leases={"dead": Lease((0, 100, 0), (0, 30, 0), 10)})
    assert expire(account, 10).spent == (0, 100, 0)
    assert expire(account, 9).spent == (0, 30, 0)
    assert expire(account, 10, forfeits=False).spent == NOTHING
    assert expire(account, 10, holder="dead") == account


def test_what_is_told_of_a_lease_that_is_over_changes_nothing() -> None:
    """It was counted in full already: not once more."""
    account = expire(Account(leases={"late": Lease((0, 100, 0), (0, 30, 0), 10)}), 10)
    assert end(account, "late", (0, 60, 0)) == account


def test_a_lowered_limit_grants_nothing_until_what_is_taken_fits() -> None:
    """Nothing that is used is taken back, and nothing is added."""
    claim = Claim((0, 80, 0), (0, 90, 0), (0, 10, 0), (0, 50, 0))
    _, lease = renew(Account(), "r", claim, (None, 50, None), 0, expires_at=LEASE)
    assert lease.granted == (0, 90, 0)


def test_the_last_of_a_limit_goes_in_small_parts() -> None:
    """A lease ahead takes half of an equal share of what is left; what a request needs, all of it."""
    ahead = Claim(NOTHING, NOTHING, NOTHING, (0, 10_000, 0), routers=5)
    assert renew(Account(), "r", ahead, (None, 1000, None), 0, expires_at=LEASE)[1].granted == (0, 100, 0)
    needed = Claim(NOTHING, NOTHING, (0, 900, 0), NOTHING, routers=5)
    assert renew(Account(), "r", needed, (None, 1000, None), 0, expires_at=LEASE)[1].granted == (0, 900, 0)


def test_a_row_is_read_as_it_was_written() -> None:
    """Document and back; what is none is refused."""
    account = Account((1, 2, 3), (0, 5, 0), {"r": Lease((1, 1, 1), (0, 1, 0), 9)}, (0, 50, 80))
    assert Account.parse(account.document()) == account
    assert Account.parse({}) == Account()
    poisons: tuple[dict[str, Any], ...] = ({"closed": None}, {"closed": [1, 2]}, {"leases": {"r": {}}}, {"leases": [1]})
    for poison in poisons:
        with pytest.raises(ValueError, match=r".*"):
            Account.parse(poison)


@pytest.mark.parametrize(
    ("period", "moment", "sk", "starts", "ends"),
    [
        ("minute", "2026-02-28T23:59:59.9+00:00", "MINUTE#2026-02-28T23:59", "2026-02-28T23:59:00+00:00", "2026-03-01T00:00:00+00:00"),
        ("day", "2026-02-28T23:59:59+00:00", "DAY#2026-02-28", "2026-02-28T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        ("month", "2026-12-31T12:00:00+00:00", "MONTH#2026-12", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_periods_are_of_utc(period: Period, moment: str, sk: str, starts: str, ends: str) -> None:
    """Minutes, days and months, over the ends of months and years."""
    window = window_of(period, datetime.fromisoformat(moment).timestamp())
    assert window.sk == sk
    assert [datetime.fromtimestamp(each, UTC).isoformat() for each in (window.starts, window.ends)] == [starts, ends]


@given(micro=st.integers(0, 10**15))
def test_money_is_exact_to_the_micro_dollar(micro: int) -> None:
    """Dollars that are shown are the micro-dollars that are kept."""
    assert micro_dollars(dollars(micro)) == micro
