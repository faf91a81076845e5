"""What a request is taken for before it is sent, who is let in when a model is full, and how things are put right afterwards."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.inference import CHAT, EMBEDDINGS, RESPONSES
from contracts.limits import Prices
from contracts.prices import PriceTable
from router.errors import ApiError
from router.limits.admission import FREE
from router.limits.book import Tariff
from router.limits.caps import capped
from router.limits.estimate import Estimate, choices, estimate, most_tokens
from router.limits.gate import GateRules
from router.limits.listed import ListPrices
from router.limits.rooms import Room
from router.routes import Prepared
from tests.unit.router.limiting import NOON, TOKEN, Clock, SpendRows, Spent, Station, caller, in_loop, limited, model, rest

_PRICES = {"input_usd": 2.0, "output_usd": 2.0}


@pytest.mark.parametrize(
    ("document", "size", "task", "expected"),
    [
        ({"max_tokens": 7}, 400, "chat", Estimate(100, 7, 1)),
        ({"max_completion_tokens": 9, "max_tokens": 7, "n": 3}, 40, "chat", Estimate(10, 9, 3)),
        ({"best_of": 4, "n": 2}, 40, "completion", Estimate(10, 512, 4)),
        ({"max_tokens": "many", "n": "several"}, 40, "chat", Estimate(10, 512, 1)),
        ({"max_tokens": -5}, 40, "chat", Estimate(10, 512, 1)),
        ({"input": "x", "max_tokens": 100}, 40, "embedding", Estimate(10, 0, 1)),
    ],
)
def test_a_request_is_taken_for_what_it_may_use(document: Any, size: int, task: str, expected: Estimate) -> None:
    """A quarter of its bytes in, and out what it asks for, as often as it asks; the default where it says nothing that counts."""
    assert estimate(document, size, task, 512) == expected


def test_long_requests_are_measured_by_their_texts() -> None:
    """An inline picture of a million bytes is about a thousand tokens; a list of numbers is as many."""
    parts = [{"type": "text", "text": "x" * 400}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}]
    pictured = estimate({"messages": [{"role": "user", "content": parts}]}, 10**6, "chat", 0)
    assert 1000 < pictured.input < 1300
    assert estimate({"input": list(range(9000))}, 50_000, "embedding", 0).input == 9000


def test_odd_counts_are_no_way_around() -> None:
    """True is no number, zero and less are not one."""
    assert (most_tokens({"max_tokens": True}), choices({"n": 0}), choices({"n": True})) == (None, 1, 1)


@pytest.mark.parametrize(
    ("given", "path", "task", "defaults", "expected"),
    [
        ({}, CHAT, "chat", {}, {"max_tokens": 50}),
        ({}, RESPONSES, "chat", {}, {"max_output_tokens": 50}),
        ({}, CHAT, "chat", {"max_tokens": 20}, {"max_tokens": 20}),
        ({"max_tokens": 3}, CHAT, "chat", {}, {"max_tokens": 3}),
        ({}, EMBEDDINGS, "embedding", {}, {}),
    ],
)
def test_who_says_no_number_gets_the_cap(given: Any, path: str, task: str, defaults: Any, expected: Any) -> None:
    """In the field of the API that was asked, and no more than the model's default; models that do not write are left alone."""
    document, _ = capped(given, b"{}", 50, path=path, task=task, defaults=defaults)
    assert document == expected


def test_money_is_rounded_up_and_cached_input_has_its_price() -> None:
    """To whole micro-dollars; without a price of its own it costs as all input."""
    tariff = Tariff.of(Prices(input_usd=0.5, output_usd=2.0, cached_input_usd=0.1))
    assert (tariff.cost(1, 0), tariff.cost(1_000_000, 1_000_000, 1_000_000), tariff.cost(0, 0, 1)) == (1, 2_600_000, 1)
    assert Tariff.of(Prices(input_usd=0.5, output_usd=2.0)).cost(0, 0, 1_000_000) == 500_000


def _theirs(name: str, **changes: Any) -> Prepared:
    """A third party's model."""
    return model("theirs", hosting="provider", targets=[], provider={"name": "openai", "model": name}, **changes)


@in_loop
async def test_a_third_partys_model_counts_at_its_list_price_where_none_is_set() -> None:
    """As `GET /usage` reckons it: before it is sent and when it is settled. What an administrator sets is meant instead."""
    table, budget = SpendRows(), limited("group", "research", budgets=[{"period": "day", "usd": 1.0}])
    station = Station(table, Clock()).follow(budget)
    for limits, micro in (((), 1_000 * 15 // 100 + 400 * 60 // 100), ((limited("model", "theirs", prices=_PRICES),), 2_800)):
        station.follow(*limits)
        before = table.account("group", "research", "DAY").spent[2] if table.rows else 0
        admission = await station.admit(caller(TOKEN, "research"), _theirs("gpt-4o-mini"), 40)
        admission.settle(Spent(input_tokens=1_000, output_tokens=400), answered=True)
        await station.settle()
        assert table.account("group", "research", "DAY").spent[2] - before == micro


@pytest.mark.parametrize(
    ("name", "task"), [("never-heard-of", "chat"), ("gpt-image-1", "image"), ("whisper-1", "transcription"), ("whisper-1", "chat")]
)
@in_loop
async def test_what_has_no_price_by_tokens_is_refused_to_budgets_of_money(name: str, task: str) -> None:
    """It would count as nothing; callers whose budget is in tokens, or who have none, are let in."""
    station = Station(SpendRows(), Clock()).follow(limited(budgets=[{"period": "day", "usd": 1.0}]))
    with pytest.raises(ApiError) as refused:
        await station.admit(what=_theirs(name, task=task))
    assert (refused.value.status, refused.value.code) == (403, "model_not_priced")
    await Station(SpendRows(), Clock()).follow(limited(budgets=[{"period": "day", "tokens": 9_000}])).admit(what=_theirs(name, task=task))


def test_list_prices_change_with_the_day(tmp_path: Path) -> None:
    """Each from its day of UTC on, in a router that lives on."""
    for day, price in (("2026-01-01", 100), ("2026-01-02", 300)):
        (tmp_path / f"{day}.json").write_text(json.dumps({"valid_from": day, "models": {"openai/x": [price, 0, 0, 0, 0, 0]}}))
    prices, route = ListPrices(PriceTable(tmp_path)), _theirs("x").route
    found = [prices.of(route, NOON + seconds) for seconds in (-86_400, 0, 43_199, 43_200, 0)]
    assert [tariff.input for tariff in found if tariff is not None] == [100, 100, 100, 300, 100]


@in_loop
async def test_what_was_taken_is_put_right_once() -> None:
    """By what was used, also beyond the guess; unanswered, nothing was; without a word about usage, the guess stands."""
    station = Station(SpendRows(), Clock()).follow(limited(tokens_per_minute=10_000))

    async def left(used: Spent | None, *, answered: bool) -> int:
        admission = await station.admit(size=400, max_tokens=100)
        before = station.book.tokens[TOKEN].purses[0].free_t
        for _ in range(2):
            admission.settle(used, answered=answered)
        return station.book.tokens[TOKEN].purses[0].free_t - before

    assert await left(Spent(90, 10), answered=True) == 100
    assert await left(Spent(300, 100), answered=True) == -200
    assert await left(None, answered=False) == 200
    assert await left(None, answered=True) == 0


@in_loop
async def test_every_subject_counts_and_the_strictest_refuses() -> None:
    """The token's, all groups' and the model's limits at once; a refusal takes nothing from the others."""
    station = Station(SpendRows(), Clock()).follow(
        limited(requests_per_minute=10), limited("group", "one", requests_per_minute=5), limited("group", "two", requests_per_minute=2)
    )
    who = caller(TOKEN, "one", "two", "three")
    admitted = [await station.admit(who) for _ in range(2)]
    assert dict(admitted[0].headers)[b"x-ratelimit-limit-requests"] == b"2"
    with pytest.raises(ApiError, match="group `two`"):
        await station.admit(who)
    assert [station.book.groups[name].purses[0].taken[0] for name in ("one", "two")] == [2, 2]
    assert station.book.tokens[TOKEN].purses[0].taken[0] == 2


@in_loop
async def test_who_is_not_limited_costs_nothing() -> None:
    """One admission for all, without a header, that leaves the request as it came."""
    station = Station(SpendRows(), Clock()).follow(limited("group", "others", requests_per_minute=1))
    assert await station.admit(caller(TOKEN, "mine")) is FREE
    FREE.settle(None, answered=True)


@in_loop
async def test_a_place_that_becomes_free_goes_to_who_holds_the_fewest() -> None:
    """One caller has filled the room: another waits and is next; the first, who has its share, is refused at once."""
    room = Room()
    assert all(room.enter("greedy", 4) for _ in range(4))
    modest = asyncio.create_task(room.wait("modest", 4, seconds=20, most=10))
    await rest()
    assert not await room.wait("greedy", 4, seconds=20, most=10)
    room.leave("greedy", 4)
    assert await modest
    assert not room.enter("greedy", 4)


@in_loop
async def test_who_stops_waiting_leaves_no_trace() -> None:
    """Timed out or gone: the place that was meant for them goes to the next."""
    room = Room()
    assert room.enter("one", 1)
    assert not await room.wait("two", 1, seconds=0.0, most=10)
    gone = asyncio.create_task(room.wait("three", 1, seconds=20, most=10))
    await rest()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    room.leave("one", 1)
    assert (room.taken, room.enter("four", 1)) == (0, True)


@in_loop
async def test_only_so_many_may_wait() -> None:
    """Beyond that, callers are refused at once."""
    room = Room()
    assert room.enter("one", 1)
    waiting = [asyncio.create_task(room.wait(f"w{number}", 1, seconds=20, most=2)) for number in range(2)]
    await rest()
    assert not await room.wait("late", 1, seconds=20, most=2)
    room.leave("one", 1)
    assert await waiting[0]
    room.leave("w0", 1)
    assert await waiting[1]


@in_loop
async def test_a_full_model_gives_its_place_back_when_the_purse_refuses() -> None:
    """Who has found a place and then no quota holds no place."""
    station = Station(SpendRows(), Clock(), gate=GateRules(wait_seconds=0.01)).follow(limited(requests_per_minute=1))
    full = model(limits={"max_in_flight": 1})
    (await station.admit(what=full)).settle(Spent(), answered=True)
    with pytest.raises(ApiError, match="limit of 1 requests a minute"):
        await station.admit(what=full)
    other = caller("b" * 16)
    assert await station.admit(other, full) is not FREE
