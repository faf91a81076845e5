"""Who sits out: at once, for a while, for longer each time, and how one comes back. In virtual time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.choosing.asked import NOTHING, Asked
from router.choosing.bench import Fault, Rules
from tests.unit.router.fakes import target
from tests.unit.router.test_picker import World

RULES = Rules(base=5.0, ceiling=40.0, most_out=0.5, forgiven_after=300.0)


def _world(names: str = "ab") -> World:
    return World(*(target(name) for name in names), rules=RULES)


def _fail(world: World, name: str, fault: Fault = Fault.UNREACHABLE) -> None:
    world.picker.failed(world.picker._seats[f"tiny/{name}"], NOTHING, fault)


def _until(world: World, name: str) -> float:
    return world.picker._seats[f"tiny/{name}"].out_until - world.clock.now


def test_each_time_out_is_longer_up_to_a_ceiling_and_one_request_tries() -> None:
    """5, 10, 20, 40, 40 s; when one is over, a single request is sent there, and none else until that has an outcome."""
    world = _world()
    _fail(world, "a")
    for seconds in (5.0, 10.0, 20.0, 40.0, 40.0):
        assert _until(world, "a") == seconds
        world.clock.now += seconds - 0.001
        assert set(world.names(20)) == {"b"}
        world.clock.now += 0.001
        trial = Asked({}, {})
        seat = world.picker.pick(world.prepared, trial)
        assert seat is not None
        assert seat.key == "tiny/a"
        assert set(world.names(20)) == {"b"}
        world.picker.failed(seat, trial, Fault.FAILED)
        world.picker.done(seat, trial)


def test_a_trial_that_is_answered_brings_it_back_and_good_conduct_is_rewarded() -> None:
    """Back at once; what comes soon after lasts longer, what comes after a long time is the first time again."""
    world = _world()
    _fail(world, "a")
    world.clock.now += 5.0
    assert world.asks(Asked({}, {})) == "a"
    assert set(world.names()) == {"a", "b"}
    _fail(world, "a")
    assert _until(world, "a") == 10.0
    world.clock.now += 10.0
    assert world.asks(Asked({}, {})) == "a"
    world.clock.now += 301.0
    _fail(world, "a")
    assert _until(world, "a") == 5.0


def test_a_trial_that_is_given_up_is_tried_again_by_the_next_request() -> None:
    """A caller who leaves says nothing of the target, and takes the trial with it."""
    world = _world()
    _fail(world, "a")
    world.clock.now += 5.0
    first, second = Asked({}, {}), Asked({}, {})
    seat = world.picker.pick(world.prepared, first)
    assert seat is not None
    world.picker.done(seat, first)
    again = world.picker.pick(world.prepared, second)
    assert again is seat


def test_an_answer_to_what_was_sent_before_is_no_trial() -> None:
    """A stream that had begun ends well after its target stopped taking connections: it stays out."""
    world = _world()
    early = Asked({}, {})
    seat = world.picker.pick(world.prepared, early, tried=("tiny/b",))
    assert seat is not None
    _fail(world, "a")
    world.picker.succeeded(seat, early)
    world.picker.failed(seat, early, Fault.UNREACHABLE)
    assert _until(world, "a") == 5.0
    assert set(world.names(20)) == {"b"}


def test_one_that_has_too_much_to_do_rests_for_as_long_as_it_says() -> None:
    """That is no fault: it does not count towards the next time out, and never lasts longer than the shortest of those."""
    world = _world()
    seat = world.picker._seats["tiny/a"]
    for said, rests in ((None, 1.0), (3.0, 3.0), (600.0, 5.0)):
        world.picker.failed(seat, NOTHING, Fault.BUSY, said)
        assert _until(world, "a") == rests
        assert set(world.names(10)) == {"b"}
        world.clock.now += rests
        assert world.asks(Asked({}, {})) == "a"
    assert (seat.strikes, world.ejected) == (0, [])


def test_half_of_many_failing_within_a_window_is_enough_though_never_three_in_a_row() -> None:
    """One in two of twenty answers fails: out. One in two of eighteen: not yet; and an old window counts for nothing."""
    world = _world()
    seat = world.picker._seats["tiny/a"]
    for turn in range(2):
        for _ in range(9):
            world.picker.failed(seat, NOTHING, Fault.FAILED)
            world.picker.succeeded(seat)
        assert not seat.out_until, turn
        world.clock.now += 11.0
    for _ in range(10):
        world.picker.failed(seat, NOTHING, Fault.FAILED)
        world.picker.succeeded(seat)
    world.picker.failed(seat, NOTHING, Fault.FAILED)
    assert seat.out_until


def test_at_most_half_of_the_targets_sit_out_for_bad_answers() -> None:
    """A request that kills whatever it meets takes two of four out and no more; those that cannot be reached are out all the same."""
    world = _world("abcd")
    for name in "abcd":
        for _ in range(3):
            _fail(world, name, Fault.FAILED)
    assert set(world.names()) == {"c", "d"}
    _fail(world, "c")
    _fail(world, "d")
    assert None not in world.names()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ok", "failed", "unreachable", "busy", "wait"])), max_size=80))
def test_whatever_happens_somebody_is_chosen_and_the_counts_are_right(history: list[tuple[str, str]]) -> None:
    """Any history leaves as many out as are counted out, a request always gets a target, and rest brings everybody back."""
    world = _world("abc")
    seats = {name: world.seat(name) for name in "abc"}
    for name, what in history:
        if what == "ok":
            world.asks(Asked({}, {}))
        elif what == "wait":
            world.clock.now += 3.0
        else:
            world.picker.failed(seats[name], NOTHING, Fault(what))
        assert world.picker.standings["tiny"].out == sum(1 for seat in seats.values() if seat.out_until)
        assert None not in world.names(3)
    world.clock.now += RULES.ceiling
    for _ in range(9):
        world.asks(Asked({}, {}))
    assert world.picker.standings["tiny"].out == 0
    assert {seat.in_flight for seat in seats.values()} == {0}


def test_a_flapping_target_gets_less_and_less() -> None:
    """One that dies a second after each return is sent ever fewer requests, and costs each of them a retry at most."""
    world = _world()
    asked, hit = 0, Counter[int]()
    up_until = world.clock.now
    for second in range(1000):
        world.clock.now += 1.0
        for _ in range(10):
            asked += 1
            wish = Asked({}, {})
            seat = world.picker.pick(world.prepared, wish)
            assert seat is not None
            if seat.key == "tiny/a" and world.clock.now > up_until + 1.0:
                hit[second // 250] += 1
                world.picker.failed(seat, wish, Fault.UNREACHABLE)
                up_until = world.clock.now + 1.0 if hit.total() % 2 else up_until
            else:
                world.picker.succeeded(seat, wish)
            world.picker.done(seat, wish)
    assert hit[3] <= hit[0]
    assert hit.total() <= asked * 0.01


@pytest.mark.parametrize("fault", list(Fault))
def test_the_only_target_is_asked_whatever_it_did(fault: Fault) -> None:
    """There is nobody to spare it for."""
    world = _world("a")
    for _ in range(5):
        _fail(world, "a", fault)
    assert set(world.names(10)) == {"a"}
