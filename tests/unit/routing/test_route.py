"""The rules by which a route changes."""

import itertools

import pytest

from routing.domain import route as rules
from routing.domain.route import Capacity, Change, Fact, Known, Route, Target

ABOUT = {"hosting": "hosted"}


def fact(event: int, generation: int = 1) -> Fact:
    """A fact whose id says when it happened."""
    return Fact("m", generation, f"{event:026d}")


def engine(name: str = "t1", status: str = "probing") -> Target:
    """An engine's target."""
    return Target(name, "1.0.0", "engine", status, "10.0.0.1", 8080)  # type: ignore[arg-type]


def capacity(*targets: Target, desired: int = 1) -> Capacity:
    """What serving says."""
    return Capacity(desired, targets)


def after(change: Change | None) -> Route:
    """The route that a change leads to."""
    assert change is not None
    assert change.route is not None
    return change.route


def grown(event: int = 1, *targets: Target, generation: int = 1) -> Route:
    """A route that followed one report of capacity."""
    return after(rules.follow_capacity(Known(), fact(event, generation), ABOUT, capacity(*targets or (engine(),)), "why"))


def opened() -> Route:
    """A route whose one target is ready."""
    return after(rules.believe_ready(Known(grown()), 1, "t1"))


def test_new_targets_are_probed() -> None:
    """Nobody gets traffic before it has answered."""
    route = grown()
    assert (route.state, route.targets[0].status, route.targets[0].weight) == ("probing", "probing", 0)


def test_opens_when_a_target_answers() -> None:
    """A completion makes the target ready and the route open."""
    route = opened()
    assert (route.state, route.targets[0].status, route.targets[0].weight) == ("open", "ready", 10_000)


def test_a_ready_target_stays_ready_when_another_joins() -> None:
    """A report of capacity says nothing about health."""
    route = after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(engine("t1"), engine("t2")), ""))
    assert [target.status for target in route.targets] == ["ready", "probing"]
    assert route.state == "open"


def test_a_target_that_is_gone_leaves() -> None:
    """What is not reported any more is not in the route any more; without a ready target it is probing again."""
    route = after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(engine("t2")), ""))
    assert [target.target_id for target in route.targets] == ["t2"]
    assert route.state == "probing"


def test_a_target_that_ends_drains_and_never_comes_back() -> None:
    """Draining gets no traffic, whatever a later report says."""
    draining = after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(engine("t1", "draining")), ""))
    assert draining.targets[0].weight == 0
    again = after(rules.follow_capacity(Known(draining), fact(3), ABOUT, capacity(engine("t1")), ""))
    assert again.targets[0].status == "draining"


def test_stopping_closes_the_route() -> None:
    """Nothing desired and nothing left: closed."""
    assert after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(desired=0), "")).state == "closed"


@pytest.mark.parametrize("late", [fact(1), fact(0), fact(9, generation=0)])
def test_history_changes_nothing(late: Fact) -> None:
    """The same event, an older one, and one of an older generation."""
    known = Known(opened())
    assert rules.follow_capacity(known, late, ABOUT, capacity(), "") is None
    assert rules.close_for_deletion(known, late) is None
    assert rules.close_for_failure(known, late, "x") is None
    assert rules.drop(known, late) is None
    assert rules.offer_provider(known, late, ABOUT, "1.0.0") is None


@pytest.mark.parametrize(("generation", "target"), [(1, "t9"), (0, "t1"), (2, "t1")])
def test_health_of_what_is_not_there_is_not_believed(generation: int, target: str) -> None:
    """Another target, another generation."""
    known = Known(grown())
    assert rules.believe_ready(known, generation, target) is None
    assert rules.believe_failed(known, generation, target, "x") is None


def test_a_second_router_sees_the_same() -> None:
    """A target that is ready already stays as it is, without a write."""
    assert rules.believe_ready(Known(opened()), 1, "t1") is None


def test_a_failed_target_leaves() -> None:
    """An open route with another ready target stays open; with none it is probing."""
    two = after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(engine("t1"), engine("t2")), ""))
    one = after(rules.believe_failed(Known(two), 1, "t2", "weights-corrupt"))
    assert (one.state, len(one.targets)) == ("open", 1)
    none = after(rules.believe_failed(Known(one), 1, "t1", "engine-crashed"))
    assert (none.state, none.targets) == ("probing", ())


def test_a_failed_provider_closes_its_route() -> None:
    """There is nobody else to ask; a newer request offers it again."""
    offered = after(rules.offer_provider(Known(), fact(1), ABOUT, "1.0.0"))
    failed = after(rules.believe_failed(Known(offered), 1, "provider", "auth"))
    assert (failed.state, failed.targets) == ("closed", ())
    assert after(rules.offer_provider(Known(failed), fact(2), ABOUT, "1.0.0")).state == "probing"


def test_a_deletion_closes_for_good() -> None:
    """Targets drain; no report of this generation opens the route again, a router's word neither."""
    closed = after(rules.close_for_deletion(Known(opened()), fact(2, 2)))
    assert (closed.state, closed.targets[0].status) == ("closed", "draining")
    assert rules.follow_capacity(Known(closed), fact(3, 2), ABOUT, capacity(engine("t2")), "") is None
    assert rules.believe_ready(Known(closed), 2, "t1") is None
    assert rules.close_for_failure(Known(closed), fact(4, 2), "x") is None
    assert rules.close_for_deletion(Known(closed), fact(4, 2)) is None


def test_a_deletion_without_a_route_is_answered() -> None:
    """Somebody waits for it, and late facts must not make a route afterwards."""
    change = rules.close_for_deletion(Known(), fact(2))
    assert change is not None
    assert (change.route, change.gone) == (None, fact(2).order)
    known = Known(None, change.gone)
    assert rules.close_for_deletion(known, fact(2)) is None
    assert rules.follow_capacity(known, fact(1), ABOUT, capacity(engine()), "") is None


def test_a_deletion_after_a_failure_is_answered_again() -> None:
    """The route is closed already, and yet whoever asks now must hear of it."""
    failed = after(rules.close_for_failure(Known(opened()), fact(2), "engine-crashed"))
    assert failed.state == "closed"
    assert after(rules.close_for_deletion(Known(failed), fact(3, 2))).generation == 2


def test_a_failure_stays_closed_until_new_targets_appear() -> None:
    """What drains does not open the route; the copies of a retry do, also within one generation."""
    failed = after(rules.close_for_failure(Known(opened()), fact(2), "engine-crashed"))
    still = after(rules.follow_capacity(Known(failed), fact(3), ABOUT, capacity(engine("t1")), ""))
    assert still.state == "closed"
    retried = after(rules.follow_capacity(Known(still), fact(4), ABOUT, capacity(engine("t2")), ""))
    assert retried.state == "probing"


def test_what_comes_late_makes_no_route_for_what_is_torn_down() -> None:
    """A failure or an end is remembered where there is no route, and a retry's report counts again."""
    ends = (rules.close_for_failure(Known(), fact(2), "x"), rules.drop(Known(), fact(2)))
    for end in ends:
        assert end is not None
        known = Known(None, end.gone)
        assert rules.follow_capacity(known, fact(1), ABOUT, capacity(engine()), "") is None
        assert rules.offer_provider(known, fact(1), ABOUT, "1.0.0") is None
        assert after(rules.follow_capacity(known, fact(3, 2), ABOUT, capacity(engine()), "")).state == "probing"


def test_a_deleted_model_can_be_made_again() -> None:
    """What comes after the end counts, whatever its generation; what came before does not."""
    change = rules.drop(Known(opened()), fact(5))
    assert change is not None
    known = Known(None, change.gone)
    assert rules.drop(known, fact(5)) is None
    assert rules.follow_capacity(known, fact(4, 9), ABOUT, capacity(engine()), "") is None
    assert after(rules.follow_capacity(known, fact(6), ABOUT, capacity(engine()), "")).state == "probing"


def test_reports_in_any_order_lead_to_the_same_route() -> None:
    """The newest of one generation wins, whichever order the bus chose and however often it repeats itself."""
    reports = [(fact(1), capacity(engine("a"))), (fact(2), capacity(engine("a"), engine("b"))), (fact(3), capacity(engine("b")))]
    ends = set()
    for order in itertools.permutations([*reports, reports[0]]):
        known = Known()
        for what, said in order:
            change = rules.follow_capacity(known, what, ABOUT, said, "")
            known = Known(change.route) if change else known
        assert known.route is not None
        ends.add((known.route.last_event, known.route.state, tuple(target.target_id for target in known.route.targets)))
    assert ends == {(fact(3).order, "probing", ("b",))}
