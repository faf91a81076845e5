"""Routers lease from one table: what is spent stays within the budget over crashes, lost answers and a table that is away."""

import asyncio
from typing import Any

import pytest

from contracts.limits import BudgetThresholdCrossed
from router.errors import ApiError
from router.limits.gate import GateRules
from tests.evidence import counted, scaled
from tests.unit.router.limiting import TOKEN, Clock, SpendRows, Spent, Station, Stuck, chance, in_loop, limited, rest

BUDGET = 20_000
PATIENT = GateRules(wait_seconds=2.0, dry_seconds=0.0)
HASTY = GateRules(wait_seconds=0.05, dry_seconds=0.0)


def budget(tokens: int = BUDGET, **more: Any) -> Any:
    """A day's tokens for the token."""
    return limited(budgets=[{"period": "day", "tokens": tokens}], **more)


@pytest.mark.parametrize("seed", range(scaled(12)))
@in_loop
async def test_fifty_clients_over_several_routers_never_overspend(seed: int) -> None:
    """With estimates that hold, what was used is at most the budget: over kills between lease and settling, lost answers and writes that
    never arrive. What is not used at the end is at most what dead routers had leased, and an equal part of the last."""
    dice, table, clock = chance(seed), SpendRows(), Clock()
    table.trouble = lambda _operation: dice.choices(["", "lost", "away"], [90, 5, 5])[0]

    def station(name: str) -> Station:
        return Station(table, clock, routers=4, name=name, gate=HASTY, strict=True, away_seconds=0.0).follow(budget())

    stations = [station(f"r{number}") for number in range(4)]
    used = admitted = refused = killed = 0

    async def client() -> None:
        nonlocal used, admitted, refused, killed
        for _ in range(20):
            place = dice.randrange(4)
            try:
                admission = await stations[place].admit(size=dice.randrange(40, 400), max_tokens=dice.randrange(1, 60))
            except ApiError:
                refused += 1
                continue
            await asyncio.sleep(0)
            spent = dice.randrange(0, admission.tokens + 1)
            used += spent  # the engine has worked, whether the router lives to say so or not
            admitted += 1
            if admitted % 20 == 0:
                killed += 1
                stations[place] = station(f"k{killed}")
                continue
            admission.settle(Spent(output_tokens=spent), answered=True)
            if dice.random() < 0.1:
                await stations[dice.randrange(4)].settle()

    await asyncio.gather(*(client() for _ in range(50)))
    assert refused > 0
    assert killed > 0
    assert used <= BUDGET
    account = table.account("token", TOKEN, "DAY")
    assert account.spent[1] + account.reserved[1] <= BUDGET
    counted("budget_requests", 1000)


@pytest.mark.parametrize("seed", range(scaled(6)))
@in_loop
async def test_answers_that_use_more_than_was_guessed_overdraw_by_what_is_under_way_alone(seed: int) -> None:
    """Every answer uses twice its estimate: the overdraft is at most the excess of what each router had under way at once."""
    dice, table, clock = chance(seed), SpendRows(), Clock()
    stations = [Station(table, clock, routers=3, name=f"r{number}", gate=PATIENT, strict=True).follow(budget()) for number in range(3)]
    used, under_way, worst = 0, [0, 0, 0], [0, 0, 0]

    async def client(number: int) -> None:
        nonlocal used
        place = number % 3
        for _ in range(40):
            try:
                admission = await stations[place].admit(size=80, max_tokens=dice.randrange(10, 50))
            except ApiError:
                return
            under_way[place] += admission.tokens
            worst[place] = max(worst[place], under_way[place])
            await asyncio.sleep(0)
            used += 2 * admission.tokens
            admission.settle(Spent(output_tokens=2 * admission.tokens), answered=True)
            under_way[place] -= admission.tokens

    await asyncio.gather(*(client(number) for number in range(50)))
    for station in stations:
        await station.lender.close(1.0)
    slices = 3 * BUDGET // 50
    assert BUDGET - slices <= used <= BUDGET + sum(worst)
    assert table.account("token", TOKEN, "DAY").spent[1] == used


@in_loop
async def test_a_budget_is_used_to_its_end() -> None:
    """What several routers lease ahead is small at the end, and given back where nobody asks: less than a request is left over."""
    table, clock = SpendRows(), Clock()
    stations = [Station(table, clock, routers=2, name=f"r{number}").follow(budget(1000)) for number in range(2)]
    used = 0
    for turn in range(200):
        station = stations[0] if turn % 7 else stations[1]
        try:
            admission = await station.admit()
        except ApiError:
            break
        admission.settle(Spent(output_tokens=20), answered=True)
        used += 20
        for each in stations:
            await each.settle()
    assert 980 <= used <= 1000


@pytest.mark.parametrize("seed", range(scaled(6)))
@pytest.mark.parametrize("trouble", ["lost", "away"])
@in_loop
async def test_a_write_of_unknown_outcome_changes_no_sum(trouble: str, seed: int) -> None:
    """Leased, settled and given back with half of the answers lost (or of the calls): in the end the row says what was used, once."""
    dice, table, clock = chance(seed), SpendRows(), Clock()
    table.trouble = lambda _operation: dice.choice([trouble, ""])
    station = Station(table, clock, away_seconds=0.0).follow(budget())
    used = 0
    for _ in range(60):
        try:
            admission = await station.admit()
        except ApiError:
            clock.now += 2
            continue
        admission.settle(Spent(output_tokens=7), answered=True)
        used += 7
        await station.settle()
    table.trouble = lambda _operation: ""
    for _ in range(4):
        await station.settle()
    assert used > 0
    account = table.account("token", TOKEN, "DAY")
    assert account.reserved[1] == 0
    assert account.spent[1] == used


@in_loop
async def test_a_dead_routers_slice_counts_as_spent_once_and_never_comes_back() -> None:
    """Killed between lease and settling: others get what is left besides, and the row counts the slice as spent after its time."""
    table, clock = SpendRows(), Clock()
    dead = Station(table, clock, routers=2, name="dead").follow(budget(1000))
    await dead.admit()
    await rest()
    leased = table.account("token", TOKEN, "DAY").reserved[1]
    clock.now += 301
    alive = Station(table, clock, routers=2, name="alive").follow(budget(1000))
    used = await _use_until_refused(alive, 100)
    assert 1000 - leased - 20 < used <= 1000 - leased
    await alive.lender.close(1.0)
    account = table.account("token", TOKEN, "DAY")
    assert account.forfeited[1] == leased
    assert account.leases == {}


@in_loop
async def test_a_router_that_comes_back_late_is_not_counted_twice() -> None:
    """Its lease was counted in full while it was away; what it had used of it adds nothing, and it leases anew."""
    table, clock = SpendRows(), Clock()
    late, other = (Station(table, clock, routers=2, name=name).follow(budget(1000)) for name in ("late", "other"))
    admission = await late.admit()
    leased = table.account("token", TOKEN, "DAY").reserved[1]
    clock.now += 301
    (await other.admit()).settle(Spent(output_tokens=20), answered=True)
    admission.settle(Spent(output_tokens=20), answered=True)
    await late.settle()
    (await late.admit()).settle(Spent(output_tokens=20), answered=True)
    for station in (late, other):
        await station.lender.close(1.0)
    assert table.account("token", TOKEN, "DAY").spent[1] == leased + 40


@in_loop
async def test_while_the_table_is_away_a_router_goes_on_with_a_slice_and_answers_for_it() -> None:
    """Beyond the lease one slice, and no more; all of it is in the row afterwards."""
    table, clock = SpendRows(), Clock()
    station = Station(table, clock, routers=4, slices=20).follow(budget(1000))
    used = await _use_until_refused(station, 3)
    [lease] = table.account("token", TOKEN, "DAY").leases.values()
    table.trouble = lambda _operation: "away"
    failures: list[int] = []
    station.lender.failed = lambda: failures.append(1)
    used += await _use_until_refused(station, 100)
    assert len(failures) == 1  # and not once for each request
    assert lease.granted[1] + 20 <= used <= lease.granted[1] + 50
    table.trouble = lambda _operation: ""
    clock.now += 400  # longer than the lease: nobody else has counted it as lost, so it is ours still
    await station.lender.close(1.0)
    assert table.account("token", TOKEN, "DAY").spent[1] == used


@in_loop
async def test_a_table_that_answers_too_late_is_one_that_cannot_be_used() -> None:
    """A request goes on with a slice that nobody has leased, which operators see once for each slice."""
    station = Station(SpendRows(), Clock(), routers=2, gate=HASTY, executor=Stuck()).follow(budget(1000))
    (await station.admit()).settle(Spent(output_tokens=20), answered=True)
    with pytest.raises(ApiError):
        await station.admit()
    assert station.metrics.registry.get_sample_value("slipway_router_lease_failures_total") == 1.0


@in_loop
async def test_what_was_used_without_the_table_counts_also_when_the_lease_was_lost_meanwhile() -> None:
    """Another router has counted the lease as spent; what went beyond it is the next lease's debt."""
    table, clock = SpendRows(), Clock()
    cut_off, other = (Station(table, clock, routers=2, name=name).follow(budget(1000)) for name in ("cut-off", "other"))
    used = await _use_until_refused(cut_off, 1)
    held = table.account("token", TOKEN, "DAY").reserved[1]
    cut_off_away = True
    table.trouble = lambda _operation: "away" if cut_off_away else ""
    used += await _use_until_refused(cut_off, 5)
    cut_off_away = False
    clock.now += 400
    (await other.admit()).settle(Spent(), answered=True)
    await cut_off.settle()
    (await cut_off.admit()).settle(Spent(), answered=True)
    for station in (cut_off, other):
        await station.lender.close(1.0)
    assert table.account("token", TOKEN, "DAY").spent[1] >= used
    assert held > 0


@in_loop
async def test_a_strict_router_uses_nothing_that_it_has_not_leased() -> None:
    """By setting: refused as soon as the lease is used up, with the table away."""
    table, clock = SpendRows(), Clock()
    station = Station(table, clock, strict=True).follow(budget(1000))
    await _use_until_refused(station, 1)
    [lease] = table.account("token", TOKEN, "DAY").leases.values()
    table.trouble = lambda _operation: "away"
    assert 20 + await _use_until_refused(station, 100) <= lease.granted[1]


@in_loop
async def test_thresholds_are_recorded_once_each_with_the_write_that_crosses_them() -> None:
    """50, 80 and 100 % over two routers with lost answers; each fact is whole, in the form in which access announces it."""
    table, clock = SpendRows(), Clock()
    calls = iter(range(10**6))
    table.trouble = lambda operation: "lost" if operation == "write" and next(calls) % 5 == 0 else ""
    stations = [Station(table, clock, routers=2, name=f"r{number}", away_seconds=0.0).follow(budget(1000)) for number in range(2)]
    for turn in range(120):
        station = stations[turn % 2]
        try:
            (await station.admit()).settle(Spent(output_tokens=20), answered=True)
        except ApiError:
            clock.now += 2
        await station.settle()
    told = [BudgetThresholdCrossed.validate_document(fact.document["data"]) for fact in table.facts]
    assert [each.threshold for each in told] == [50, 80, 100]
    assert all(each.spent * 100 >= each.threshold * each.budget for each in told)
    assert [fact.sk for fact in table.facts] == [f"LEDGER#DAY#2026-01-01#tokens#{share}" for share in (50, 80, 100)]
    assert all(fact.document["metadata"]["producer"] == "access" for fact in table.facts)


@in_loop
async def test_a_new_period_begins_with_nothing_spent_and_the_old_one_is_settled() -> None:
    """Admitted before midnight, settled after: it counts for the day in which it was let in."""
    table, clock = SpendRows(), Clock()
    station = Station(table, clock).follow(budget(100))
    before = await station.admit()
    clock.now += 86_400
    after = await station.admit()
    before.settle(Spent(output_tokens=11), answered=True)
    after.settle(Spent(output_tokens=5), answered=True)
    await station.lender.close(1.0)
    assert table.account("token", TOKEN, "DAY#2026-01-01").spent[1] == 11
    assert table.account("token", TOKEN, "DAY#2026-01-02").spent[1] == 5


@in_loop
async def test_a_lowered_limit_holds_as_soon_as_it_is_followed() -> None:
    """What was leased under the old limit is not used beyond the new one."""
    table, clock = SpendRows(), Clock()
    station = Station(table, clock).follow(budget(100_000))
    (await station.admit()).settle(Spent(output_tokens=20), answered=True)
    station.follow(budget(50, generation=2))
    await station.admit()
    with pytest.raises(ApiError):
        await station.admit()


@in_loop
async def test_a_subject_at_rest_costs_nothing() -> None:
    """Once everything is given back, settling neither reads nor writes."""
    table, clock = SpendRows(), Clock()
    station = Station(table, clock).follow(budget(), limited("group", "research", requests_per_minute=100))
    (await station.admit()).settle(Spent(output_tokens=20), answered=True)
    for _ in range(3):
        await station.settle()
    before = table.reads + table.writes
    for _ in range(5):
        await station.settle()
    assert table.reads + table.writes == before
    assert table.account("token", TOKEN, "DAY").leases == {}


async def _use_until_refused(station: Station, most: int) -> int:
    used = 0
    for _ in range(most):
        try:
            (await station.admit()).settle(Spent(output_tokens=20), answered=True)
        except ApiError:
            break
        used += 20
        await rest()
    return used
