"""The rules by which a route changes."""

import itertools

import pytest

from routing.domain import route as rules
from routing.domain.route import Capacity, Change, Fact, Known, Route, Target, TargetStatus

ABOUT = {"hosting": "hosted"}
OURS, OTHERS = {"name": "openai", "model": "gpt-5"}, {"name": "openai", "model": "gpt-6"}


def fact(event: int, generation: int = 1) -> Fact:
    """A fact whose id says when it happened."""
    return Fact("m", generation, f"{event:026d}")


def engine(name: str = "t1", status: TargetStatus = "probing") -> Target:
    """An engine's target."""
    return Target(name, "1.0.0", "engine", status, "10.0.0.1", 8080)


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
    assert rules.update(known, late, ABOUT, None, "1.0.0") is None
    assert rules.stop(known, late, None, asleep=False) is None
    assert rules.offer_provider(known, late, ABOUT, OURS, "1.0.0") is None


def test_health_of_what_is_not_there_is_not_believed() -> None:
    """Another engine than those of the route; a provider asked in the way of another generation."""
    offered = after(rules.offer_provider(Known(), fact(1, 2), ABOUT, OURS, "1.0.0"))
    for route, generation, target in ((grown(), 1, "t9"), (offered, 1, "provider"), (offered, 3, "provider")):
        assert rules.believe_ready(Known(route), generation, target) is None
        assert rules.believe_failed(Known(route), generation, target, "x") is None


@pytest.mark.parametrize("generation", [1, 2, 3])
def test_a_sighting_of_an_engine_counts_whatever_the_generation(generation: int) -> None:
    """A task's id is never used again: an update that came between the look and the report takes nothing from it."""
    route = grown(1, engine(), generation=2)
    assert after(rules.believe_ready(Known(route), generation, "t1")).state == "open"
    assert after(rules.believe_failed(Known(route), generation, "t1", "x")).targets == ()


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
    offered = after(rules.offer_provider(Known(), fact(1), ABOUT, OURS, "1.0.0"))
    failed = after(rules.believe_failed(Known(offered), 1, "provider", "auth"))
    assert (failed.state, failed.targets) == ("closed", ())
    assert after(rules.offer_provider(Known(failed), fact(2), ABOUT, OURS, "1.0.0")).state == "probing"


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
        assert rules.offer_provider(known, fact(1), ABOUT, OURS, "1.0.0") is None
        assert after(rules.follow_capacity(known, fact(3, 2), ABOUT, capacity(engine()), "")).state == "probing"


def test_a_deleted_model_can_be_made_again() -> None:
    """What comes after the end counts, whatever its generation; what came before does not."""
    change = rules.drop(Known(opened()), fact(5))
    assert change is not None
    known = Known(None, change.gone)
    assert rules.drop(known, fact(5)) is None
    assert rules.follow_capacity(known, fact(4, 9), ABOUT, capacity(engine()), "") is None
    assert after(rules.follow_capacity(known, fact(6), ABOUT, capacity(engine()), "")).state == "probing"


def test_shares_outlive_a_stop_and_not_a_life() -> None:
    """Of engines and of third parties: as long as the model lives, its traffic is shared as somebody wanted. The next life of its name
    begins without, also where the end of the last one is heard of later."""
    again = capacity(engine("t9"))
    for before in (opened(), provided()):
        shared = after(rules.share(before, (("1.0.0", 10_000),), 7))
        for end, versions in (
            (rules.stop(Known(shared), fact(2, 2), None, asleep=False), (("1.0.0", 10_000),)),
            (rules.close_for_failure(Known(shared), fact(2, 2), "x"), (("1.0.0", 10_000),)),
            (rules.close_for_deletion(Known(shared), fact(2, 2)), ()),
        ):
            known, next_one = Known(after(end)), fact(3, 3)
            if before.provider is None:
                begun = after(rules.follow_capacity(known, next_one, ABOUT, again, ""))
            else:
                begun = after(rules.offer_provider(known, next_one, ABOUT, before.provider, "1.0.0"))
            assert (begun.versions, begun.shared_at) == (versions, 7 if versions else 0)


def test_an_update_is_answered_and_leaves_targets_as_they_are() -> None:
    """What routers need to know changes at once; who is ready stays ready, who is not yet stays so."""
    known = Known(after(rules.follow_capacity(Known(opened()), fact(2), ABOUT, capacity(engine("t1"), engine("t2")), "")))
    assert known.route is not None
    updated = after(rules.update(known, fact(3, 2), {"hosting": "hosted", "limits": 1}, None, "1.0.0"))
    assert (updated.generation, updated.state, updated.about["limits"]) == (2, "open", 1)
    assert updated.targets == known.route.targets
    assert after(rules.believe_ready(Known(updated), 1, "t2")).targets[1].status == "ready"


@pytest.mark.parametrize("known", [Known(), Known(None, fact(1).order)])
def test_an_update_makes_no_route(known: Known) -> None:
    """What is not served has nothing that an update could change."""
    assert rules.update(known, fact(2), ABOUT, None, "1.0.0") is None


def test_an_update_opens_nothing() -> None:
    """A closed, sleeping or dying route learns what is new and stays what it is; one that is deleted learns nothing."""
    asleep = after(rules.stop(Known(opened()), fact(2, 2), 9.0, asleep=True))
    updated = after(rules.update(Known(asleep), fact(3, 3), {"new": 1}, None, "1.0.0"))
    assert (updated.state, updated.generation, updated.expected_start_seconds, updated.stopped) == ("asleep", 3, 9.0, 2)
    dying = after(rules.close_for_deletion(Known(opened()), fact(2, 2)))
    assert rules.update(Known(dying), fact(3, 3), ABOUT, None, "1.0.0") is None


def provided(event: int = 1) -> Route:
    """A provider's route whose target is ready."""
    offered = after(rules.offer_provider(Known(), fact(event), ABOUT, OURS, "1.0.0"))
    return after(rules.believe_ready(Known(offered), 1, "provider"))


def test_another_provider_is_tried_beside_the_one_that_answers() -> None:
    """Until it has answered nothing goes there; then it takes over everything and the old one leaves."""
    trying = after(rules.update(Known(provided()), fact(2, 2), ABOUT, OTHERS, "1.0.0"))
    assert [(target.target_id, target.status, target.provider) for target in trying.targets] == [
        ("provider", "ready", None),
        ("provider-g2", "probing", OTHERS),
    ]
    assert (trying.state, trying.provider) == ("open", OURS)
    taken = after(rules.believe_ready(Known(trying), 2, "provider-g2"))
    assert [(target.target_id, target.status, target.weight, target.provider) for target in taken.targets] == [
        ("provider-g2", "ready", 10_000, None)
    ]
    assert (taken.state, taken.provider) == ("open", OTHERS)


def test_another_provider_that_fails_leaves_and_the_old_one_stays() -> None:
    """The route never closes for it; going back to the old wish asks nobody anything."""
    trying = after(rules.update(Known(provided()), fact(2, 2), ABOUT, OTHERS, "1.0.0"))
    failed = after(rules.believe_failed(Known(trying), 2, "provider-g2", "auth"))
    assert (failed.state, failed.provider, [target.target_id for target in failed.targets]) == ("open", OURS, ["provider"])
    back = after(rules.update(Known(trying), fact(3, 3), ABOUT, OURS, "1.0.0"))
    assert (back.generation, [target.target_id for target in back.targets]) == (3, ["provider"])


def test_a_newer_candidate_takes_the_place_of_an_older() -> None:
    """Two updates in a row leave one candidate, of the newer; what is seen of the older is not believed."""
    third = {"name": "openai", "model": "gpt-7"}
    first = after(rules.update(Known(provided()), fact(2, 2), ABOUT, OTHERS, "1.0.0"))
    second = after(rules.update(Known(first), fact(3, 3), ABOUT, third, "1.0.0"))
    assert [target.target_id for target in second.targets] == ["provider", "provider-g3"]
    assert rules.believe_ready(Known(second), 2, "provider-g2") is None


def test_a_closed_providers_route_keeps_the_new_provider_for_the_next_start() -> None:
    """Nobody is asked for a model that is not in service."""
    offered = after(rules.offer_provider(Known(), fact(1), ABOUT, OURS, "1.0.0"))
    closed = after(rules.believe_failed(Known(offered), 1, "provider", "auth"))
    updated = after(rules.update(Known(closed), fact(2, 2), ABOUT, OTHERS, "1.0.0"))
    assert (updated.state, updated.provider, updated.targets) == ("closed", OTHERS, ())


@pytest.mark.parametrize(("asleep", "state", "expected"), [(False, "closed", None), (True, "asleep", 42.0)])
def test_a_stop_drains_everything_and_is_answered(asleep: bool, state: str, expected: float | None) -> None:
    """Closed, or asleep with what a start is likely to take; also where there is no route."""
    stopped = after(rules.stop(Known(opened()), fact(2, 2), 42.0, asleep=asleep))
    assert (stopped.state, stopped.generation, stopped.expected_start_seconds) == (state, 2, expected)
    assert [(target.status, target.weight) for target in stopped.targets] == [("draining", 0)]
    nothing = rules.stop(Known(), fact(2, 2), 42.0, asleep=asleep)
    assert nothing is not None
    assert (nothing.route, nothing.generation, nothing.gone) == (None, 2, fact(2).order)


@pytest.mark.parametrize("asleep", [False, True])
def test_what_the_old_life_still_says_opens_nothing(asleep: bool) -> None:
    """Copies that were on their way when the stop came drain; so they do if a later wish has moved the generation on meanwhile."""
    stopped = after(rules.stop(Known(opened()), fact(2, 2), None, asleep=asleep))
    late = after(rules.follow_capacity(Known(stopped), fact(3, 2), ABOUT, capacity(engine("t1"), engine("t2"), desired=0), ""))
    assert (late.state, {target.status for target in late.targets}) == (stopped.state, {"draining"})
    assert rules.believe_ready(Known(late), 2, "t2") is None
    empty = after(rules.follow_capacity(Known(late), fact(4, 2), ABOUT, capacity(desired=0), ""))
    assert (empty.state, empty.targets) == (stopped.state, ())
    edited = after(rules.update(Known(empty), fact(5, 3), ABOUT, None, "1.0.0"))
    still = after(rules.follow_capacity(Known(edited), fact(6, 3), ABOUT, capacity(desired=1), ""))
    assert (still.state, still.stopped) == (stopped.state, 2)


def test_copies_of_a_newer_wish_wake_a_sleeper() -> None:
    """Asleep, then probing (with what a start takes still known, for those who wait), then open."""
    asleep = after(rules.stop(Known(opened()), fact(2, 2), 42.0, asleep=True))
    woken = after(rules.follow_capacity(Known(asleep), fact(3, 3), ABOUT, capacity(engine("t2")), ""))
    assert (woken.state, woken.expected_start_seconds, woken.stopped) == ("probing", 42.0, 0)
    up = after(rules.believe_ready(Known(woken), 3, "t2"))
    assert (up.state, up.expected_start_seconds) == ("open", None)


def test_a_wake_that_fails_closes_the_route() -> None:
    """Who waits is told; a retry's copies open it again."""
    asleep = after(rules.stop(Known(opened()), fact(2, 2), 42.0, asleep=True))
    failed = after(rules.close_for_failure(Known(asleep), fact(3, 3), "gpu-unavailable"))
    assert (failed.state, failed.expected_start_seconds) == ("closed", None)
    assert after(rules.follow_capacity(Known(failed), fact(4, 3), ABOUT, capacity(engine("t2")), "")).state == "probing"


def test_two_versions_stand_side_by_side() -> None:
    """A surge: the old serves until the new is ready, then drains; what is known of each copy stays with it."""
    old = Target("t1", "1.0.0", "engine", "probing", "10.0.0.1", 8080, "vllm")
    new = Target("t2", "2.0.0", "engine", "probing", "10.0.0.2", 8080, "llama.cpp")
    serving = after(rules.believe_ready(Known(grown(1, old)), 1, "t1"))
    surged = after(
        rules.follow_capacity(
            Known(serving), fact(2, 2), ABOUT, capacity(Target("t1", "1.0.0", "engine", "probing", "10.0.0.1", 8080), new), ""
        )
    )
    assert [(t.version, t.status, t.engine_kind) for t in surged.targets] == [("1.0.0", "ready", "vllm"), ("2.0.0", "probing", "llama.cpp")]
    both = after(rules.believe_ready(Known(surged), 2, "t2"))
    assert [target.weight for target in both.targets] == [5_000, 5_000]
    ending = Target("t1", "1.0.0", "engine", "draining", "10.0.0.1", 8080)
    drained = after(rules.follow_capacity(Known(both), fact(3, 2), ABOUT, capacity(ending, new), ""))
    assert [(t.status, t.weight) for t in drained.targets] == [("draining", 0), ("ready", 10_000)]
    assert drained.state == "open"


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
