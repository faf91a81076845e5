"""Choosing among the targets of a version: by load, by conversation, and round those that sit out."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from router.choosing.asked import NOTHING, Asked
from router.choosing.bench import Fault, Rules
from router.choosing.gain import GainMetrics, gain_of
from router.choosing.memory import Cooldowns, LiteLLMCooldowns, PlainCooldowns
from router.choosing.picker import Picker
from router.choosing.seats import CONTROL, HOME, SPILLED, Seat
from router.routes import Prepared, RouteTable
from router.telling.usage import Usage
from tests.evidence import scaled
from tests.unit.router.fakes import Clock, route, target

pytestmark = [pytest.mark.usefixtures("litellm"), pytest.mark.filterwarnings("ignore:Item .summary.:UserWarning")]
each_memory = pytest.mark.parametrize("kind", [PlainCooldowns, LiteLLMCooldowns])


class Dice:
    """Numbers from 0 to 1 that spread evenly, the same each time."""

    def __init__(self) -> None:
        self._at = 0.0

    def __call__(self) -> float:
        """The next."""
        self._at = (self._at + 0.6180339887498949) % 1.0
        return self._at


class World:
    """A picker that follows one route."""

    def __init__(
        self, *targets: dict[str, Any], memory: Cooldowns | None = None, rules: Rules | None = None, control_of: int = 0, **changes: Any
    ) -> None:
        self.clock = Clock()
        self.ejected: list[str] = []
        self.picker = Picker(memory or PlainCooldowns(), rules, self.ejected.append, clock=self.clock, chance=Dice(), control_of=control_of)
        self.becomes(*targets, **changes)

    def becomes(self, *targets: dict[str, Any], **changes: Any) -> None:
        """The route changes."""
        self.prepared = prepared(*targets, **changes)
        self.picker.synchronise({"tiny": self.prepared})

    def seat(self, name: str) -> Seat:
        """The seat of a target, with nothing under way."""
        others = tuple(each.key for each in self.prepared.ready if each.row.target_id != name)
        seat = self.picker.pick(self.prepared, tried=others)
        assert seat is not None
        assert seat.key == f"tiny/{name}"
        self.picker.done(seat, NOTHING)
        return seat

    def asks(self, asked: Asked = NOTHING, *tried: str) -> str | None:
        """Where a request that ends at once, well, is sent."""
        seat = self.picker.pick(self.prepared, asked, tried)
        if seat is None:
            return None
        self.picker.succeeded(seat, asked)
        self.picker.done(seat, asked)
        return seat.target.row.target_id

    def names(self, times: int = 60, tried: tuple[str, ...] = ()) -> Counter[str | None]:
        """Where so many requests go that end at once, each with wishes of its own, and tell nothing."""
        went: Counter[str | None] = Counter()
        for _ in range(times):
            asked = Asked({}, {})
            seat = self.picker.pick(self.prepared, asked, tried)
            went[seat.target.row.target_id if seat else None] += 1
            if seat:
                self.picker.done(seat, asked)
        return went


def prepared(*targets: dict[str, Any], **changes: Any) -> Prepared:
    """A route with these targets."""
    return RouteTable().parse(route(targets=list(targets), **changes))[2]


def chat(*words: str, **fields: Any) -> Asked:
    """A conversation so far."""
    roles = ("user", "assistant")
    return Asked({}, {"messages": [{"role": roles[place % 2], "content": word} for place, word in enumerate(words)], **fields})


def test_all_ready_targets_take_part() -> None:
    """Requests spread over the ready targets; probing and draining ones get none."""
    world = World(target("a"), target("b"), target("c", status="probing"), target("d", status="draining"))
    assert set(world.names()) == {"a", "b"}


def test_weights_share_the_traffic_of_a_version() -> None:
    """Weight 0 gets nothing beside a weight; nine to one is nine to one while nobody is busy."""
    assert set(World(target("a", weight=0), target("b", weight=100)).names()) == {"b"}
    shares = World(target("a", weight=90), target("b", weight=10)).names(2000)
    assert 1780 <= shares["a"] <= 1820


def test_the_less_loaded_of_two_is_chosen() -> None:
    """With requests under way that do not end, all targets fill up evenly."""
    world = World(*(target(name) for name in "abcdefgh"))
    for _ in range(800):
        assert world.picker.pick(world.prepared) is not None
    loads = [world.seat(name).in_flight for name in "abcdefgh"]
    assert sum(loads) == 800
    assert max(loads) - min(loads) <= 10


def test_what_an_engine_has_from_other_routers_counts_and_is_forgotten_when_it_is_old() -> None:
    """A target that says it is busy is passed over; each time it is, what it said counts a little less."""
    world = World(target("a"), target("b"))
    world.seat("a").told(20)
    assert set(world.names(20)) == {"b"}
    assert world.seat("a").elsewhere == 0
    assert set(world.names(20)) == {"a", "b"}


def test_a_conversation_stays_with_its_target_and_conversations_spread() -> None:
    """Every later turn begins like the first, and so finds the same target; a hundred conversations find all targets."""
    world = World(*(target(name) for name in "abcd"))
    homes = [world.asks(chat(f"question {number}")) for number in range(100)]
    assert set(homes) == set("abcd")
    for number, home in enumerate(homes):
        turn = chat(f"question {number}", "an answer", "and then?")
        assert (world.asks(turn), turn.way) == (home, HOME)


def test_targets_that_come_and_go_move_their_own_conversations_only() -> None:
    """A target that leaves gives away what it had, and nothing else moves."""
    world = World(*(target(name) for name in "abcd"))
    before = {number: world.asks(chat(f"question {number}")) for number in range(200)}
    world.becomes(*(target(name) for name in "abd"))
    after = {number: world.asks(chat(f"question {number}")) for number in range(200)}
    assert [number for number in before if before[number] != after[number] and before[number] != "c"] == []


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300))
def test_no_conversation_fills_a_target_beyond_its_bound(picks: list[int]) -> None:
    """Whatever is asked for, no target has more than five quarters of the mean, and a few, under way."""
    world = World(*(target(name) for name in "abc"))
    for done, number in enumerate(picks, 1):
        world.picker.pick(world.prepared, chat(f"question {number}"))
        assert max(world.picker._seats[f"tiny/{name}"].in_flight for name in "abc") <= max(4, -(-5 * done // 12))


def test_a_conversation_whose_home_is_full_goes_next_door_and_comes_back() -> None:
    """What is above the bound goes to a neighbour, always the same one; when there is room again it is at home again."""
    world = World(*(target(name) for name in "abcd"))
    talk = chat("hello")
    home = world.asks(talk)
    busy = [world.picker.pick(world.prepared, talk) for _ in range(4)]
    assert {seat.target.row.target_id for seat in busy if seat} == {home}
    assert (world.asks(talk) != home, talk.way) == (True, SPILLED)
    for seat in busy:
        assert seat is not None
        world.picker.done(seat, talk)
    assert world.asks(talk) == home


def test_what_conversations_gain_is_measured_against_those_that_are_sent_as_if_they_were_none() -> None:
    """A few anonymous ones go wherever there is less to do; the share of cached tokens of the others, less theirs, is on /metrics."""
    world = World(*(target(name) for name in "abcd"), control_of=4)
    registry = CollectorRegistry()
    registry.register(GainMetrics(lambda: world.picker.standings))
    assert registry.get_sample_value("slipway_router_affinity_gain", {"model": "tiny"}) is None
    ways: Counter[int] = Counter()
    for number in range(200):
        turn = chat(f"question {number}")
        world.asks(turn)
        ways[turn.way] += 1
        world.picker.learned("tiny", turn, Usage(input_tokens=100, cached_tokens=80 if turn.way == HOME else 30), 0.5)
    assert 30 <= ways[CONTROL] <= 70
    assert ways[HOME] + ways[CONTROL] == 200
    assert registry.get_sample_value("slipway_router_affinity_gain", {"model": "tiny"}) == pytest.approx(0.5)
    labels = {"model": "tiny", "way": "home"}
    assert registry.get_sample_value("slipway_router_conversation_cached_tokens_total", labels) == 80 * ways[HOME]
    assert registry.get_sample_value("slipway_router_conversation_first_byte_seconds_total", labels) == 0.5 * ways[HOME]
    named = [chat("hello", prompt_cache_key=f"key {number}") for number in range(100)]
    assert {world.asks(turn) for turn in named} == set("abcd")
    assert {turn.way for turn in named} == {HOME}, "who names a conversation counts on it"


def test_a_named_cache_or_session_is_where_a_conversation_belongs() -> None:
    """`prompt_cache_key` and the session's header come before how the conversation begins."""
    world = World(*(target(name) for name in "abcd"))
    for place in range(20):
        key = f"key {place}"
        found = {world.asks(chat(f"{turn}", prompt_cache_key=key)) for turn in range(5)}
        found |= {world.asks(Asked({b"x-slipway-session": key.encode()}, {"messages": []})) for _ in range(5)}
        assert len(found) == 1


@each_memory
def test_a_failed_target_sits_out_and_the_last_one_is_used_all_the_same(kind: Callable[[], Cooldowns]) -> None:
    """An ejected target gets nothing while another is left; when all are ejected somebody is asked nevertheless."""
    world = World(target("a"), target("b"), memory=kind())
    first, second = world.seat("a"), world.seat("b")
    world.picker.failed(first, NOTHING, Fault.UNREACHABLE)
    assert set(world.names()) == {"b"}
    world.picker.failed(second, NOTHING, Fault.UNREACHABLE)
    assert world.picker.is_out(world.prepared)
    assert None not in world.names()
    assert set(world.names(tried=(first.key,))) == {"b"}
    assert set(world.names(tried=(first.key, second.key))) == {None}


@each_memory
def test_three_errors_in_a_row_eject_and_a_success_forgives(kind: Callable[[], Cooldowns]) -> None:
    """An error now and then, which a request itself may cause, takes nobody out."""
    world = World(target("a"), target("b"), memory=kind())
    first = world.seat("a")
    for outcome in ("error", "error", "success", "error", "error"):
        world.picker.failed(first, NOTHING, Fault.FAILED) if outcome == "error" else world.picker.succeeded(first)
    assert set(world.names()) == {"a", "b"}
    world.picker.failed(first, NOTHING, Fault.FAILED)
    assert set(world.names()) == {"b"}
    assert world.ejected == ["tiny"]


@each_memory
def test_the_table_decides_who_is_there(kind: Callable[[], Cooldowns]) -> None:
    """Targets come, go and change their weight without a restart; two models may have targets of one name."""
    world = World(target("a"), target("b"), memory=kind())
    world.becomes(target("b", weight=0), target("c"), target("d"))
    other = RouteTable().parse(route("other", targets=[target("c", port=1), target("d", port=2)]))[2]
    world.picker.synchronise({"tiny": world.prepared, "other": other})
    assert set(world.names()) == {"c", "d"}
    world.picker.failed(world.seat("d"), NOTHING, Fault.UNREACHABLE)
    assert set(world.names()) == {"c"}
    picked = [world.picker.pick(other) for _ in range(20)]
    assert {seat.key for seat in picked if seat} == {"other/c", "other/d"}


@each_memory
def test_a_target_that_is_gone_and_comes_back_elsewhere_is_a_new_one(kind: Callable[[], Cooldowns]) -> None:
    """What is known of an address is not held against another."""
    world = World(target("a"), target("b"), memory=kind())
    world.picker.failed(world.seat("a"), NOTHING, Fault.UNREACHABLE)
    world.becomes(target("a", port=9), target("b"))
    assert set(world.names()) == {"a", "b"}


def test_what_is_known_of_targets_outlives_a_change_of_the_table() -> None:
    """Requests under way stay counted and who sits out goes on doing so; what is given back then is counted down once."""
    world = World(target("a"), target("b"))
    held = [world.picker.pick(world.prepared, tried=("tiny/b",)) for _ in range(10)]
    world.picker.failed(world.seat("b"), NOTHING, Fault.UNREACHABLE)
    world.becomes(target("a"), target("b"), target("c"), description="changed")
    assert set(world.names()) == {"c"}
    for seat in held:
        assert seat is not None
        world.picker.done(seat, NOTHING)
    assert {seat.in_flight for seat in world.picker._seats.values()} == {0}
    assert world.seat("a").pool.total == 0


def test_what_litellm_cools_down_is_passed_over_too() -> None:
    """The port is believed beside what we know ourselves, and forgets what is restored."""
    memory = LiteLLMCooldowns()
    world = World(target("a"), target("b"), memory=memory)
    memory.eject("tiny/a", 60.0)
    assert memory.cooling() == {"tiny/a"}
    assert set(world.names()) == {"b"}
    memory.restore("tiny/a")
    assert memory.cooling() == frozenset()
    assert set(world.names()) == {"a", "b"}


def test_a_change_of_one_route_leaves_the_others_as_they_are() -> None:
    """With many models a change costs what its own model costs."""
    routes = {f"model-{number}": RouteTable().parse(route(f"model-{number}"))[2] for number in range(scaled(50))}
    picker = Picker(PlainCooldowns())
    picker.synchronise(routes)
    plans: Mapping[str, Any] = dict(picker._plans)
    routes["model-0"] = RouteTable().parse(route("model-0", revision=2))[2]
    picker.synchronise(routes)
    assert [name for name in plans if picker._plans[name] is not plans[name]] == ["model-0"]


def test_home_is_where_the_cache_is() -> None:
    """Engines that each remember the last thirty conversations: at home most of a prompt is found, in the control group less of it."""
    world = World(*(target(name) for name in "abcd"), control_of=4)
    caches: dict[str, dict[str, int]] = {name: {} for name in "abcd"}
    turns = Counter[str]()
    chance = random.Random(1)
    for _ in range(scaled(4_000)):
        talk = f"question {chance.randrange(100)}"
        turns[talk] += 1
        asked, size = chat(talk), 100 * min(turns[talk], 20)
        cache = caches[str(world.asks(asked))]
        world.picker.learned("tiny", asked, Usage(input_tokens=size, cached_tokens=min(cache.pop(talk, 0), size)), None)
        cache[talk] = size
        for old in list(cache)[:-30]:
            del cache[old]
    gain = gain_of(world.picker.standings["tiny"])
    assert gain is not None
    assert gain > 0.3, gain
