"""Sharing a route's traffic among versions: exact, and steady for those who have come to one."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.choosing.asked import Asked, check_pin
from router.choosing.bench import Fault
from router.choosing.memory import PlainCooldowns
from router.choosing.picker import Picker
from router.choosing.plan import Plan
from router.choosing.seats import Seat, Standing
from router.choosing.split import WHOLE, Split, dealt, exact, slot_of
from router.errors import ApiError
from router.identity import Caller
from router.routes import Prepared, RouteTable
from tests.unit.router.fakes import route, target
from tests.unit.router.test_picker import World

VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
parts = st.integers(0, WHOLE)


def shares(*weights: int) -> list[dict[str, Any]]:
    """A route's `versions`."""
    return [{"version": version, "weight": weight} for version, weight in zip(VERSIONS, weights, strict=False)]


def _world(*weights: int, without: tuple[str, ...] = ()) -> World:
    targets = [target(f"t{version}", version=version) for version in VERSIONS[: len(weights)] if version not in without]
    return World(*targets, versions=shares(*weights))


def _slots(split: Split) -> Counter[str]:
    return Counter(split.at(slot) for slot in range(WHOLE))


def _version(world: World, asked: Asked) -> str:
    return str(world.asks(asked)).removeprefix("t")


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_every_version_has_its_share_to_within_one_slot(weights: list[int]) -> None:
    """All slots are given, and each version's number is its share rounded down or up; none is even where nobody has any weight."""
    named = [(f"1.{place}.0", weight) for place, weight in enumerate(weights)]
    counted, total = _slots(Split(named)), sum(weights)
    for version, weight in named:
        share = weight * WHOLE / total if total else WHOLE / len(weights)
        assert abs(counted[version] - share) < 1
    assert sum(counted.values()) == WHOLE


@given(parts, st.data())
def test_weights_in_parts_of_the_whole_are_slots_to_the_last_one(second: int, data: st.DataObject) -> None:
    """From 0 to 10,000, a version's slots are as many as its weight."""
    third = data.draw(st.integers(0, WHOLE - second))
    counted = _slots(Split(list(zip(VERSIONS, (WHOLE - second - third, second, third), strict=True))))
    assert [counted[version] for version in VERSIONS] == [WHOLE - second - third, second, third]


@given(st.lists(parts, min_size=2, max_size=6), st.lists(parts, min_size=2, max_size=6))
def test_whoever_has_come_to_a_version_stays_while_weights_only_grow(seconds: list[int], thirds: list[int]) -> None:
    """Two versions grow side by side at the first one's cost: no slot ever leaves either of them."""
    steps = [(one, other) for one, other in zip(sorted(seconds), sorted(thirds), strict=False) if one + other <= WHOLE]
    splits = [Split(list(zip(VERSIONS, (WHOLE - one - other, one, other), strict=True))) for one, other in steps]
    for before, after in itertools.pairwise(splits):
        for slot in range(0, WHOLE, 7):
            if before.at(slot) != VERSIONS[0]:
                assert after.at(slot) == before.at(slot)


def test_any_ten_thousand_requests_in_a_row_take_every_slot_once() -> None:
    """Whoever has no cohort is dealt: exact over each whole, and near it in between."""
    assert sorted(dealt(number) for number in range(123, 123 + WHOLE)) == list(range(WHOLE))
    assert 45 <= sum(dealt(number) < 500 for number in range(1000)) <= 55


def test_cohorts_spread_over_the_slots_and_differ_from_model_to_model() -> None:
    """20,000 users: a tenth of the slots gets a tenth of them, and whoever is first with one model is not with every other."""
    first = {user for user in range(20_000) if slot_of("tiny", str(user)) < 1000}
    assert 1800 <= len(first) <= 2200
    assert 130 <= len([user for user in first if slot_of("other", str(user)) < 1000]) <= 270


def test_requests_without_a_cohort_keep_to_the_weights() -> None:
    """A token's requests are shared exactly, whatever the weights become in between."""
    world = _world(9_000, 1_000)
    assert Counter(_version(world, Asked({}, {})) for _ in range(WHOLE)) == {"1.0.0": 9_000, "1.1.0": 1_000}
    world.becomes(*(target(f"t{version}", version=version) for version in VERSIONS[:2]), versions=shares(2_500, 7_500))
    assert Counter(_version(world, Asked({}, {})) for _ in range(WHOLE)) == {"1.0.0": 2_500, "1.1.0": 7_500}


@pytest.mark.parametrize("wishes", ["session", "user", "safety_identifier", "prompt_cache_key", "person"])
def test_a_cohort_stays_with_its_version(wishes: str) -> None:
    """By the session's header, the fields of OpenAI's API, or the person who calls: one version at a time, and never back."""
    cohorts = []
    for number in range(300):
        who = f"{wishes} {number}"
        headers = {b"x-slipway-session": who.encode()} if wishes == "session" else {}
        document = {} if wishes in {"session", "person"} else {wishes: who}
        cohorts.append(Asked(headers, document, Caller(who if wishes == "person" else "token:t", frozenset())))
    world, seen = _world(WHOLE, 0), [VERSIONS[0]] * len(cohorts)
    for weight in (0, 500, 2_000, 5_000, WHOLE):
        world.becomes(*(target(f"t{version}", version=version) for version in VERSIONS[:2]), versions=shares(WHOLE - weight, weight))
        now = [_version(world, cohort) for cohort in cohorts]
        assert now == [_version(world, cohort) for cohort in cohorts]
        assert all(later == VERSIONS[1] for earlier, later in zip(seen, now, strict=True) if earlier == VERSIONS[1])
        assert abs(now.count(VERSIONS[1]) - 300 * weight / WHOLE) <= 30
        seen = now


def test_a_version_without_a_target_gives_its_share_to_the_others() -> None:
    """The cohorts of versions that are there stay where they are; a version that gets nothing gets nothing of that either."""
    whole, cohorts = _world(5_000, 3_000, 2_000), [Asked({}, {"user": str(number)}) for number in range(400)]
    without = _world(5_000, 3_000, 2_000, without=("1.1.0",))
    for cohort in cohorts:
        before, after = _version(whole, cohort), _version(without, cohort)
        assert after == before if before != "1.1.0" else after in {"1.0.0", "2.0.0"}
    assert {_version(_world(0, WHOLE, 0, without=("1.1.0",)), cohort) for cohort in cohorts} == {"1.0.0", "2.0.0"}


def test_without_shares_every_version_has_what_its_targets_weigh() -> None:
    """As long as no rollout says otherwise, a surge moves the traffic by its ready targets."""
    world = World(*(target(f"t1.0.0-{number}", weight=2_500) for number in range(3)), target("t1.1.0", version="1.1.0", weight=2_500))
    assert Counter(_version(world, Asked({}, {})).partition("-")[0] for _ in range(WHOLE)) == {"1.0.0": 7_500, "1.1.0": 2_500}


def test_a_pin_reaches_a_version_that_gets_no_traffic_and_no_other() -> None:
    """By header or body; a version that is not there is refused, not replaced, also when its target was tried."""
    world = _world(WHOLE, 0)
    for asked in (
        Asked({b"x-slipway-version": b"1.1.0"}, {}),
        Asked({b"x-slipway-canary": b"true"}, {}),
        Asked({}, {"canary": True}),
        Asked({}, {"metadata": {"canary": "true"}}),
    ):
        assert {world.asks(asked) for _ in range(20)} == {"t1.1.0"}
        assert world.asks(asked, "tiny/t1.1.0") is None
    assert world.asks(Asked({b"x-slipway-version": b"9.0.0"}, {})) is None
    assert {world.asks(Asked({}, {"canary": False})) for _ in range(20)} == {"t1.0.0"}
    assert _world(WHOLE).asks(Asked({}, {"canary": True})) is None


def test_a_dead_candidate_costs_its_cohorts_nothing() -> None:
    """Who is not pinned goes to another version before it goes to a target that sits out."""
    world = _world(0, WHOLE)
    world.picker.failed(world.seat("t1.1.0"), Asked({}, {}), Fault.UNREACHABLE)
    assert {world.asks(Asked({}, {"user": str(number)})) for number in range(50)} == {"t1.0.0"}
    assert world.asks(Asked({b"x-slipway-version": b"1.1.0"}, {})) == "t1.1.0"


@pytest.mark.parametrize(
    ("groups", "caller", "allowed"),
    [
        ([], Caller("a", frozenset({"research"})), False),
        ([], Caller("a", frozenset(), admin=True), True),
        (["testers"], Caller("a", frozenset({"testers"})), True),
        (["testers"], Caller("a", frozenset({"research"})), False),
        (["*"], Caller("a", frozenset()), True),
    ],
)
def test_a_version_is_chosen_by_those_who_may(groups: list[str], caller: Caller, allowed: bool) -> None:
    """Administrators always may, others by the route's `pin_groups`; whoever chooses nothing is not asked."""
    held = RouteTable().parse(route(pin_groups=groups))[2]
    pinned = Asked({b"x-slipway-version": b"1.0.0"}, {}, caller)
    if allowed:
        check_pin(pinned, held, caller)
    else:
        with pytest.raises(ApiError) as refused:
            check_pin(pinned, held, caller)
        assert (refused.value.status, refused.value.code) == (403, "version_pin_not_allowed")
    check_pin(Asked({}, {}, caller), held, caller)


@pytest.mark.parametrize("said", ["yes", 1, [], {}, None])
def test_a_canary_that_is_neither_true_nor_false_is_refused(said: Any) -> None:
    """400 with a stable code."""
    with pytest.raises(ApiError) as refused:
        Asked({}, {"canary": said})
    assert (refused.value.status, refused.value.code) == (400, "invalid_canary")


@pytest.mark.parametrize("versions", [shares(5_000, 4_000), [*shares(5_000), *shares(5_000)]])
def test_a_row_whose_shares_are_not_whole_is_refused(versions: list[dict[str, Any]]) -> None:
    """A table that does not add up is poison: the route held before stays."""
    with pytest.raises(ValidationError):
        RouteTable().parse(route(versions=versions))


def test_the_candidate_is_the_one_named_last_or_the_newest() -> None:
    """What `canary` means where shares are named, and where they are not; a pre-release comes before its release."""
    held = RouteTable().parse(route(targets=[target(name, version=name) for name in ("1.0.0", "1.10.0", "1.9.0", "1.10.0-rc.1")]))[2]

    def plan(prepared: Prepared) -> Plan:
        return Plan(prepared, lambda place: Seat(place, Standing()))

    assert plan(held).candidate == "1.10.0"
    assert plan(RouteTable().parse(route(targets=[target("a")]))[2]).candidate == ""
    assert exact([("1.0.0", 1), ("1.1.0", 1), ("1.2.0", 1)]) == (("1.0.0", 3_334), ("1.1.0", 3_333), ("1.2.0", 3_333))
    assert Picker(PlainCooldowns()).pick(RouteTable().parse(route(targets=[]))[2]) is None
