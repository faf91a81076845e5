"""How many copies: bounds, steps, patience, and what never happens."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.clock import iso
from serving.domain import scaling
from serving.domain.scaling import Decision, History, Load, Step, Wish

_START = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = ("in_flight_per_task", "queue_per_task", "time_to_first_token_ms", "tokens_per_second_per_task")


def at(seconds: float) -> str:
    """A moment so long after the beginning."""
    return iso(_START + timedelta(seconds=seconds))


def capacity(metric: str = "in_flight_per_task", value: float = 8, **changes: Any) -> dict[str, Any]:
    """A wish's capacity."""
    given_ = {"min": 1, "max": 20, "cooldown_seconds": 60, "instance_warmup_seconds": 0, "target": {"metric": metric, "value": value}}
    return given_ | changes


def load(in_flight: int, second: float = 0, router: str = "router-0", **more: Any) -> Load:
    """What a router saw."""
    seen: dict[str, Any] = {"window_seconds": 2.0, "queued": 0, "requests": in_flight, "ready_targets": 1}
    return Load(router, at(second), in_flight=in_flight, **(seen | more))


def long_ago(desired: int) -> History:
    """A history in which nothing stands in the way: the load has been small for long."""
    return History(since=at(-86_400), wishes=(Wish(at(-59), 0),)) if desired else History(since=at(-86_400))


def decided(
    wish: dict[str, Any], loads: Sequence[Load], desired: int, history: History | None = None, second: float = 0
) -> Decision | None:
    """A decision where every copy runs and answers."""
    return scaling.decide(wish, loads, desired, desired, desired, history or long_ago(desired), at(second))


class World:
    """A model under a load, its routers and the decisions about it; a copy answers `starts` seconds after it was wanted."""

    def __init__(self, wish: dict[str, Any], desired: int, starts: float = 20) -> None:
        self.wish, self.desired, self.starts = wish, desired, starts
        self.history = scaling.begun(desired, at(0))
        self.ready_at = [0.0] * desired
        self.told: list[tuple[float, int]] = []
        self.second = 0.0

    def run(self, seconds: float, traffic: Callable[[int], Sequence[Load]]) -> None:
        """Let the routers speak every two seconds; `traffic` makes of the copies that answer what the routers see."""
        end = self.second + seconds
        while self.second < end:
            self.second += 2
            ready = sum(1 for moment in self.ready_at if moment <= self.second)
            loads = [replace(one, observed_at=at(self.second), ready_targets=ready) for one in traffic(ready)]
            made = scaling.decide(self.wish, loads, ready, ready, self.desired, self.history, at(self.second))
            self.history = scaling.noted(self.wish, loads, ready, self.desired, self.history, at(self.second))
            if made:
                self._carry_out(made)

    def _carry_out(self, made: Decision) -> None:
        assert made.before == self.desired
        self.history = self.history.stepped(made, at(self.second))
        self.told.append((self.second, made.after))
        more = made.after - made.before
        self.ready_at = [*self.ready_at, *[self.second + self.starts] * max(0, more)][: made.after]
        self.desired = made.after


def in_flight(total: int) -> Callable[[int], list[Load]]:
    """A load of so many requests at a time, seen by two routers."""
    return lambda ready: [load(total // 2, router="one"), load(total - total // 2, router="two")]


def test_a_load_step_is_followed_and_left_again_without_swinging() -> None:
    """From 1 to 10 times the load: the right count within five seconds, back after cooldowns, each change in one direction."""
    world = World(capacity(), 1)
    world.run(120, in_flight(8))
    assert world.told == []
    world.run(120, in_flight(80))
    assert [count for _, count in world.told] == [5, 10]
    assert [second - 120 for second, _ in world.told] == [2, 6]
    world.run(900, in_flight(8))
    assert [count for _, count in world.told] == [5, 10, 5, 3, 2, 1]
    fallen = [second for second, _ in world.told[2:]]
    assert fallen[0] >= 240 + 58
    assert all(later - earlier >= 60 for earlier, later in pairwise(fallen))


def test_requests_that_wait_for_copies_on_their_way_ask_for_no_more() -> None:
    """The load of one copy's worth three times over goes on at the old copy for as long as the new ones take to come."""
    world = World(capacity(), 1, starts=300)
    world.run(400, in_flight(24))
    assert [count for _, count in world.told] == [3]


def test_copies_that_make_the_load_vanish_come_and_go_ever_more_seldom() -> None:
    """A saturated copy piles up requests, three copies have hardly any: without patience the count would swing for ever."""
    world = World(capacity(), 1)
    world.run(6 * 3600, lambda ready: [load(24 if ready < 2 else 2)])
    falls = [second for (_, before), (second, after) in pairwise(world.told) if after < before and after == 1]
    assert len(falls) >= 3
    waits = [later - earlier for earlier, later in pairwise(falls)]
    assert all(wait >= 400 for wait in waits[3:])


@pytest.mark.parametrize("metric", METRICS)
@settings(deadline=None)
@given(
    amounts=st.lists(st.integers(0, 2000), min_size=1, max_size=3),
    desired=st.integers(0, 40),
    bounds=st.tuples(st.integers(0, 30), st.integers(1, 30)).map(sorted),
    value=st.floats(0.5, 500),
    ready=st.integers(0, 40),
)
def test_the_count_stays_within_its_bounds(
    metric: str, amounts: list[int], desired: int, bounds: list[int], value: float, ready: int
) -> None:
    """Whatever is seen: at least `min` and one, at most `max`; a count outside is put inside at once."""
    least, most = max(1, bounds[0]), bounds[1]
    wish = capacity(metric, value, min=bounds[0], max=most, cooldown_seconds=0)
    loads = [_any_load(amount, f"router-{number}") for number, amount in enumerate(amounts)]
    made = scaling.decide(wish, loads, ready, ready, desired, long_ago(desired), at(1))
    after = made.after if made else desired
    assert least <= after <= most
    assert made is None or made.before == desired != made.after


@pytest.mark.parametrize("metric", METRICS)
@settings(deadline=None)
@given(
    small=st.integers(0, 500),
    more=st.integers(0, 500),
    desired=st.integers(1, 20),
    ready=st.integers(0, 20),
    past=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 20)), max_size=4),
)
def test_a_greater_load_never_gets_fewer_copies(
    metric: str, small: int, more: int, desired: int, ready: int, past: list[tuple[int, int]]
) -> None:
    """With the same past, over all metrics."""
    history = History(since=at(-86_400), wishes=tuple(Wish(at(-ago), copies) for ago, copies in past))
    wish = capacity(metric)

    def count(amount: int) -> int:
        made = scaling.decide(wish, [_any_load(amount, "router-0")], ready, ready, desired, history, at(1))
        return made.after if made else desired

    assert count(small) <= count(small + more)


@pytest.mark.parametrize("metric", ["in_flight_per_task", "queue_per_task", "tokens_per_second_per_task"])
@settings(max_examples=20, deadline=None)
@given(total=st.integers(0, 200), desired=st.integers(1, 20), starts=st.integers(0, 120))
def test_a_constant_load_is_met_and_then_left_alone(metric: str, total: int, desired: int, starts: int) -> None:
    """The count moves in one direction only, and ends where the load of a copy is within the tolerance, or at a bound."""
    world = World(capacity(metric), desired, starts=starts)
    world.run(1600, lambda ready: [_any_load(total, "router-0")])
    counts = [desired, *(count for _, count in world.told)]
    assert counts in (sorted(counts), sorted(counts, reverse=True))
    assert total <= 8 * 1.1 * world.desired or world.desired == 20
    assert world.desired == 1 or total > 8 * 0.9 * (world.desired - 1)
    settled = len(world.told)
    world.run(1600, lambda ready: [_any_load(total, "router-0")])
    assert len(world.told) == settled


@settings(max_examples=20, deadline=None)
@given(work=st.floats(50, 3000), desired=st.integers(1, 20))
def test_a_latency_that_copies_share_is_brought_to_its_target(work: float, desired: int) -> None:
    """A time to first token that is inversely proportional to the copies ends within the tolerance, or at a bound."""
    world = World(capacity("time_to_first_token_ms", 200), desired)
    world.run(4000, lambda ready: [load(4, time_to_first_token_ms=work / max(1, ready))])
    observed = work / world.desired
    assert observed <= 220 or world.desired == 20
    assert world.desired == 1 or work / (world.desired - 1) > 180


def test_the_sentence_says_what_was_seen_against_what() -> None:
    """Also that more would be right than may come."""
    made = decided(capacity(max=3), [load(58)], 2)
    assert made == Decision(
        2, 3, "in_flight_per_task", 29.0, 8.0, "in_flight_per_task is 29, above its target of 8; 8 would be right, 3 is the most"
    )
    up = decided(capacity(), [load(15)], 1)
    assert up is not None
    assert up.reason == "in_flight_per_task is 15, above its target of 8"
    down = decided(capacity(), [load(3)], 2)
    assert down is not None
    assert (down.after, down.reason) == (1, "in_flight_per_task is 1.5, below its target of 8 for 60 s")


@pytest.mark.parametrize(("total", "after"), [(8, None), (17, None), (18, 3), (14, None)])
def test_beside_the_target_nothing_changes(total: int, after: int | None) -> None:
    """Ten of a hundred more for two copies is 17.6 requests; a little less is no reason to lose one."""
    history = History(since=at(-86_400), wishes=(Wish(at(-30), 2),))
    made = decided(capacity(), [load(total)], 2, history)
    assert (made.after if made else None) == after


@pytest.mark.parametrize(("desired", "after"), [(1, 5), (4, 8), (6, 12)])
def test_it_rises_by_as_much_again_or_by_four(desired: int, after: int) -> None:
    """So that one wrong reading does not buy a whole park."""
    made = decided(capacity(max=1000), [load(4000)], desired)
    assert made is not None
    assert made.after == after


def test_signals_of_one_moment_make_one_step_up() -> None:
    """The second router's word, a second later, waits for the next window."""
    history = replace(long_ago(1), steps=(Step(at(0), 1, 5),))
    assert decided(capacity(), [load(400, 1)], 5, history, 1) is None
    assert decided(capacity(), [load(400, 4)], 5, history, 4) is not None


@pytest.mark.parametrize("metric", METRICS)
def test_what_nobody_can_read_changes_nothing(metric: str) -> None:
    """Requests are under way and no first token, no token count is known: neither up nor down."""
    seen = load(3, time_to_first_token_ms=None, tokens_per_second=None, queued=20)
    made = decided(capacity(metric), [seen], 2)
    assert (made is None) == (metric in {"time_to_first_token_ms", "tokens_per_second_per_task"})


def test_a_router_that_fell_silent_amid_traffic_holds_what_there_is() -> None:
    """Its traffic may go on unseen: for five minutes nothing goes; what fresh words ask for comes all the same."""
    silent = load(40, -100, router="silent")
    assert decided(capacity(), [silent, load(1)], 4) is None
    up = decided(capacity(), [silent, load(50)], 4)
    assert up is not None
    assert up.after == 7
    assert decided(capacity(), [load(40, -301, router="silent"), load(1)], 4) is not None


def test_a_router_that_said_goodbye_holds_nothing() -> None:
    """Its last word was that the traffic has ended."""
    made = decided(capacity(), [load(0, -100)], 2)
    assert made is not None
    assert (made.after, made.observed) == (1, 0.0)


def test_copies_that_are_not_warm_are_not_too_many() -> None:
    """Neither within the warm-up after the last rise nor while they have not come; one that never comes does not hold the others."""
    wish = capacity(instance_warmup_seconds=600)
    risen = replace(long_ago(3), steps=(Step(at(-500), 1, 3),))
    assert decided(wish, [load(2)], 3, risen) is None
    assert decided(capacity(instance_warmup_seconds=400), [load(2)], 3, risen) is not None
    late = replace(long_ago(3), steps=(Step(at(-700), 1, 3),))
    assert scaling.decide(wish, [load(2)], 2, 2, 3, late, at(0)) is None
    never = replace(long_ago(3), steps=(Step(at(-1801), 1, 3),))
    assert scaling.decide(wish, [load(2)], 2, 2, 3, never, at(0)) is not None


def test_a_latency_asks_for_no_more_while_copies_warm_up() -> None:
    """They will change what is measured; whoever asked on would buy twice."""
    wish = capacity("time_to_first_token_ms", 200, instance_warmup_seconds=60)
    slow = [load(4, time_to_first_token_ms=900.0)]
    assert scaling.decide(wish, slow, 2, 2, 4, long_ago(4), at(0)) is None
    risen = replace(long_ago(2), steps=(Step(at(-30), 1, 2),))
    assert decided(wish, slow, 2, risen) is None
    assert decided(wish, slow, 2) is not None


def test_a_copy_goes_a_cooldown_after_the_last_change_and_the_last_need() -> None:
    """Either alone is not enough."""
    assert decided(capacity(), [load(1)], 4, replace(long_ago(4), steps=(Step(at(-59), 8, 4),))) is None
    assert decided(capacity(), [load(1)], 4, History(at(-3600), (Wish(at(-59), 4),))) is None
    made = decided(capacity(), [load(1)], 4, History(at(-3600), (Wish(at(-60), 4), Wish(at(-59), 3))))
    assert made is not None
    assert made.after == 3


def test_copies_that_had_to_come_back_are_given_up_later_each_time() -> None:
    """Twice the cooldown after one return within the hour, four times after two."""
    steps = (Step(at(-1000), 2, 1), Step(at(-900), 1, 2), Step(at(-700), 2, 1), Step(at(-230), 1, 2))
    history = replace(long_ago(2), steps=steps)
    assert decided(capacity(), [load(1)], 2, history) is None
    assert decided(capacity(), [load(1)], 2, replace(history, steps=(*steps[:3], Step(at(-240), 1, 2)))) is not None


def test_nothing_is_decided_for_a_model_that_may_have_no_copies() -> None:
    """`max` 0 is a model that somebody keeps stopped."""
    assert scaling.decide(capacity(min=0, max=0), [load(9)], 0, 0, 0, long_ago(0), at(0)) is None


def test_the_past_that_is_kept_is_bounded() -> None:
    """Wishes get fewer with time, steps end at a number, and both grow old."""
    history = scaling.begun(3, at(0))
    for second in range(200):
        history = scaling.noted(capacity(), [load((second * 37) % 160, second)], 3, 3, history, at(second))
        history = history.stepped(Decision(1, 2, "", None, None, ""), at(second))
    copies = [wish.copies for wish in history.wishes]
    assert copies == sorted(set(copies), reverse=True)
    assert len(history.steps) <= 32
    late = scaling.noted(capacity(), [], 3, 3, history, at(4000))
    assert (late.wishes, late.steps) == ((Wish(at(4000), 0),), ())


def _any_load(amount: int, router: str) -> Load:
    more = {"time_to_first_token_ms": float(amount), "tokens_per_second": float(amount), "queued": amount}
    return load(amount, router=router, **more)
