"""Limits and budgets, as applications meet them at two running routers that share what there is."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import openai
import pytest

from contracts.limits import BudgetThresholdCrossed
from tests.evidence import counted
from tests.functional.router.lending import SPEND, CountingEngine, House, LendingAws, Subject, within_a_minute
from tests.functional.router.platform import Lives, Platform, target, until

KINDS = ("token", "group", "model")
SLICES = 50
ROUTERS = 2


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two running routers, an engine, and one open model without limits."""
    with LendingAws() as aws, CountingEngine() as engine, ExitStack() as stack:
        platform = Platform(aws)
        platform.route("shared", targets=[target(engine.port)], allowed_groups=["*"])
        platform.token()
        routers = tuple(
            Lives(
                aws,
                tmp_path_factory.mktemp(name),
                SPEND_TABLE=SPEND,
                SLIPWAY_ROUTER_ID=name,
                SLIPWAY_ROUTERS=str(ROUTERS),
                SLIPWAY_SETTLE_SECONDS="0.1",
                SLIPWAY_ROOM_WAIT_SECONDS="20",
                SLIPWAY_BUDGET_SLICES=str(SLICES),
                SLIPWAY_MAX_BODY_BYTES="100000",
            )
            for name in ("router-a", "router-b")
        )
        for router in routers:
            stack.callback(router.close)
        lives = [router.live() for router in routers]
        for number, router in enumerate(routers):
            stack.callback(lambda router, at: router.die(lives[at]), router, number)
        yield House(aws, platform, engine, (routers[0], routers[1]), lives)


@pytest.fixture(autouse=True)
def _healthy(house: House) -> None:
    """Each test begins with tables that answer and an engine that works."""
    house.aws.alive = True
    house.engine.go()
    house.engine.prompt = 1


def test_a_router_has_read_the_spend_table_before_it_is_ready(house: House) -> None:
    """So that its first caller with a limit does not wait for a connection besides."""

    def ready() -> list[bool]:
        return [line["leases"] for router in house.routers for line in list(router.lines) if line.get("message") == "ready"]

    until(lambda: len(ready()) == ROUTERS)  # a line is read a moment after it was written
    assert ready() == [True] * ROUTERS


@pytest.mark.parametrize("kind", KINDS)
def test_requests_a_minute_are_shared_over_routers(house: House, kind: str) -> None:
    """Of thirty requests to two routers, as many are answered as the limit says, and the rest are told when to come back."""

    def thirty() -> list[Any]:
        subject = house.subject(kind).limit(requests_per_minute=12)
        return [subject.ask(number % 2) for number in range(30)]

    answers = within_a_minute(thirty)
    assert Counter(answer.status_code for answer in answers) == {200: 12, 429: 18}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_a_minute_are_shared_over_routers(house: House, kind: str) -> None:
    """What the engine was used for stays within the limit, and comes near it: only what one more request may use is left."""

    def thirty() -> tuple[int, Counter[int]]:
        subject = house.subject(kind).limit(tokens_per_minute=1000)
        before = house.engine.used
        statuses = Counter(subject.ask(number % 2, max_tokens=99).status_code for number in range(30))
        return house.engine.used - before, statuses

    used, statuses = within_a_minute(thirty)
    assert 700 <= used <= 1000
    assert set(statuses) == {200, 429}


def test_callers_are_told_what_remains_as_openai_tells_it(house: House) -> None:
    """Limit, remaining and reset of requests and tokens, with answers and with refusals; the official client sees its own exception."""

    def three() -> tuple[Any, Any, Any]:
        subject = house.subject("token").limit(requests_per_minute=2, tokens_per_minute=5000)
        first, second = subject.ask(), subject.ask()
        try:
            house.routers[0].client(subject.token).chat.completions.create(model="shared", messages=[{"role": "user", "content": "x"}])
        except openai.RateLimitError as error:
            return first.headers, second.headers, error.response.headers
        return first.headers, second.headers, None

    first, second, refused = within_a_minute(three)
    assert refused is not None
    assert first["x-ratelimit-limit-requests"] == refused["x-ratelimit-limit-requests"] == "2"
    assert [each["x-ratelimit-remaining-requests"] for each in (first, second, refused)] == ["1", "0", "0"]
    assert first["x-ratelimit-limit-tokens"] == "5000"
    assert 5000 > int(first["x-ratelimit-remaining-tokens"]) >= int(second["x-ratelimit-remaining-tokens"]) > 4800
    for each in (first, second, refused):
        assert 1 <= int(each["x-ratelimit-reset-requests"].removesuffix("s")) <= 60
        assert each["x-ratelimit-reset-tokens"].endswith("s")
    assert 1 <= int(refused["retry-after"]) <= 60


def test_who_is_not_limited_is_told_nothing(house: House) -> None:
    """No header speaks of a limit that there is not."""
    answer = house.subject("token").limit(concurrency=100).ask()
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


@pytest.mark.parametrize("kind", KINDS)
def test_requests_at_a_time_are_capped_over_routers(house: House, kind: str) -> None:
    """Four are under way at two routers, and neither lets a fifth in; once they have ended, the next has a place."""
    subject = house.subject(kind).limit(concurrency=4)
    house.engine.hold()
    with ThreadPoolExecutor(4) as threads:
        answers = []
        for number in range(4):
            answers.append(threads.submit(subject.ask, number % 2))
            until(partial(house.engine.works_on, number + 1))
        fifth = [subject.ask(0), subject.ask(1)]
        assert [(each.status_code, each.json()["error"]["code"], each.headers["retry-after"]) for each in fifth] == [
            (429, "rate_limit_exceeded", "1")
        ] * 2
        house.engine.go()
        assert [answer.result().status_code for answer in answers] == [200] * 4
    assert subject.ask().status_code == 200


def test_who_floods_a_model_starves_nobody(house: House) -> None:
    """One token keeps twenty requests coming at a model with four places, asking again as soon as it is refused; another's every
    request is answered meanwhile, and so are many of the flood's."""
    model = house.subject("model")
    house.platform.route(model.model, targets=[target(house.engine.port)], allowed_groups=["*"], limits={"max_in_flight": 4})
    modest = Subject(house, "token", "", house.platform.token(principal="token:modest"), model.model)
    for router in house.routers:
        router.follows(house.aws)
    over, flooding = threading.Event(), threading.Event()
    flood: Counter[int] = Counter()

    def again_and_again() -> None:
        while not over.is_set():
            flood[model.ask().status_code] += 1
            if flood[429] > 50:
                flooding.set()

    with ThreadPoolExecutor(20) as threads:
        floods = [threads.submit(again_and_again) for _ in range(20)]
        try:
            assert flooding.wait(20)
            statuses = [modest.ask().status_code for _ in range(20)]
        finally:
            over.set()
        for each in floods:
            each.result()
    assert statuses == [200] * 20
    assert set(flood) == {200, 429}
    counted("fairness_flood_answered", flood[200])


def test_one_request_may_only_ask_for_so_much(house: House) -> None:
    """Tokens and answers of one request are capped by the strictest limit; who says no number gets the cap, not more."""
    subject = house.subject("group").limit(max_tokens=50, max_choices=2)
    refusals = [subject.ask(max_tokens=51), subject.ask(n=3), subject.ask(max_tokens=None, max_completion_tokens=51)]
    assert [(each.status_code, each.json()["error"]["code"]) for each in refusals] == [
        (400, "max_tokens_too_large"),
        (400, "n_too_large"),
        (400, "max_tokens_too_large"),
    ]
    assert subject.ask(max_tokens=50, n=2).status_code == 200
    assert subject.ask(max_tokens=None).status_code == 200
    assert house.engine.bodies[-1]["max_tokens"] == 50


def test_bodies_are_capped_in_size_and_depth(house: House) -> None:
    """Too long and too deep are refused before anything is counted or sent on."""
    subject = house.subject("token").limit(requests_per_minute=1000)
    seen = len(house.engine.bodies)
    long = subject.ask(user="x" * 100_001)
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    assert (long.status_code, subject.ask(metadata=deep).status_code) == (413, 400)
    assert len(house.engine.bodies) == seen
    assert int(subject.ask().headers["x-ratelimit-remaining-requests"]) >= 996


@pytest.mark.parametrize("period", ["day", "month"])
@pytest.mark.parametrize("unit", ["tokens", "usd"])
@pytest.mark.parametrize("kind", KINDS)
def test_budgets_are_reserved_before_and_settled_after(house: House, kind: str, unit: str, period: str) -> None:
    """While the engine works, what the request may use is leased; afterwards what it has used is spent, by the model's prices, and the
    rest is given back. Once nothing is left, requests are refused until the period ends."""
    subject = house.subject(kind)
    prices = {"prices": {"input_usd": 2.0, "output_usd": 10.0}}
    Subject(house, "model", "shared", "", "shared").limit(**prices)
    subject.limit(budgets=[{"period": period, unit: 1000 if unit == "tokens" else 0.01}], **(prices if kind == "model" else {}))
    place, spent = (1, 101) if unit == "tokens" else (2, 2 + 100 * 10)
    house.engine.hold()
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(subject.ask, 0, max_tokens=100)
        until(partial(house.engine.works_on, 1))
        account = subject.account(period.upper())
        assert account.reserved[place] >= spent
        assert account.spent[place] == 0
        house.engine.go()
        assert under_way.result().status_code == 200
    assert subject.settled(period.upper()).spent[place] == spent
    too_much = subject.ask(1, max_tokens=1000)
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (429, "insufficient_quota")
    assert int(too_much.headers["retry-after"]) >= 1


def test_money_cannot_be_counted_for_a_model_without_prices(house: House) -> None:
    """Refused with a code of its own: the budget would be none."""
    subject = house.subject("group").limit(budgets=[{"period": "day", "usd": 1.0}])
    unpriced = house.subject("model")
    house.follow()
    answer = Subject(house, "group", subject.name, subject.token, unpriced.model).ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_priced")


def test_thresholds_are_told_once_each_over_routers(house: House) -> None:
    """A budget is used up at two routers at a time: 50, 80 and 100 % are recorded once each, with a marker for who announces them."""
    house.engine.prompt = 50  # more than was guessed, so that the last answer, for which 40 tokens are left, goes beyond the budget
    subject = house.subject("group").limit(budgets=[{"period": "day", "tokens": 1120}])
    with ThreadPoolExecutor(4) as threads:
        for _ in range(8):
            list(threads.map(lambda number: subject.ask(number % 2, max_tokens=10), range(20)))
            subject.settled("DAY")
            if subject.account("DAY").spent[1] >= 1120:
                break
    assert 1120 <= subject.account("DAY").spent[1] < 1120 + ROUTERS * 60 * 4
    facts = [(sk, fact) for pk, sk, fact in list(house.aws.facts) if pk.endswith(f"group#{subject.name}")]
    told = [BudgetThresholdCrossed.validate_document(fact["data"]) for _, fact in facts]
    assert [each.threshold for each in told] == [50, 80, 100]
    assert len({sk for sk, _ in facts}) == 3
    markers = {sk for table, pk, sk in house.aws.items if table == SPEND and pk.startswith("OUTBOX#")}
    assert {fact["metadata"]["id"] for _, fact in facts} <= markers


def test_fifty_clients_at_two_routers_do_not_overspend(house: House) -> None:
    """The stated bound is slices by routers; where answers keep to what was guessed and the table answers, nothing at all is overspent, and
    little is left."""
    budget = 50_000
    bound = ROUTERS * budget // SLICES
    subject = house.subject("group").limit(budgets=[{"period": "month", "tokens": budget}])
    before, away = house.engine.used, house.times_away()
    heard: list[str] = []  # appended to by all of them: a Counter would lose what two threads add at once

    def client(number: int) -> None:
        for turn in range(200):
            answer = subject.ask((number + turn) % 2, max_tokens=99 + 40 * (number % 10))
            outcome = "answered" if answer.status_code == 200 else answer.json()["error"]["code"]
            heard.append(outcome)
            if outcome == "insufficient_quota":
                return

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(client, range(50)))
    used, outcomes = house.engine.used - before, Counter(heard)
    assert subject.settled("MONTH").spent[1] == used
    assert budget - bound <= used <= budget + (bound if house.times_away() > away else 0)
    assert outcomes["insufficient_quota"] == 50
    assert set(outcomes) <= {"answered", "insufficient_quota", "rate_limit_exceeded"}
    counted("overspend_bound_tokens", bound)
    counted("overspend_seen_tokens", max(0, used - budget))


def test_while_the_tables_are_away_leases_last_and_then_one_slice(house: House) -> None:
    """Requests go on from what is leased and, by default, from one slice more at each router; then they are refused. Requests a minute go
    on with an equal share of the limit. All that was used is written down once the tables are back."""
    subject = house.subject("group").limit(budgets=[{"period": "day", "tokens": 10_000}], requests_per_minute=10_000)
    before = house.engine.used
    assert [subject.ask(number).status_code for number in (0, 1)] == [200, 200]
    house.aws.alive = False
    statuses = Counter(subject.ask(number % 2).status_code for number in range(120))
    assert statuses[200] >= 10
    assert statuses[429] >= 10
    house.aws.alive = True
    used = house.engine.used - before
    assert used <= 22 + 2 * ROUTERS * 10_000 // SLICES  # of each router its lease and a slice
    until(lambda: subject.account("DAY").spent[1] == used)


def test_a_router_that_dies_between_lease_and_settling_costs_its_lease_and_no_more(house: House) -> None:
    """Killed with a request under way: when its lease is over, another router counts it as spent, once, and gives the rest to who asks;
    a place that it held is free again."""
    subject = house.subject("group").limit(budgets=[{"period": "day", "tokens": 10_000}], concurrency=1)
    house.engine.hold()
    with ThreadPoolExecutor(1) as thread:
        lost = thread.submit(subject.ask_until_let_in, 0, max_tokens=99)
        until(partial(house.engine.works_on, 1))
        assert subject.ask(1, max_tokens=99).status_code == 429
        house.routers[0].die(house.lives[0])
        assert lost.exception() is not None
    [lease] = subject.account("DAY").leases.values()
    house.engine.go()
    house.aws.age("group", subject.name)
    house.lives[0] = house.routers[0].live()
    house.follow()
    until(lambda: subject.ask(1, max_tokens=99).status_code == 200)
    account = subject.settled("DAY")
    assert account.forfeited[1] == lease.granted[1] - lease.used[1]
    assert lease.granted[1] <= 10_000 // SLICES + 110
    assert subject.ask_until_let_in(0, max_tokens=99).status_code == 200
