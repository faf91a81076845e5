"""How traffic is shared."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.route import Route, Target, TargetStatus, share, unserved
from routing.domain.weights import WHOLE, weighed

_statuses = st.lists(st.sampled_from(get_args(TargetStatus)), max_size=20)


def _targets(statuses: list[TargetStatus]) -> list[Target]:
    return [Target(str(number), "1.0.0", "engine", status) for number, status in enumerate(statuses)]


@given(_statuses)
def test_ready_targets_share_everything_equally(statuses: list[TargetStatus]) -> None:
    """The shares sum to the whole, differ by one at most, and nothing else gets any."""
    weights = [target.weight for target in weighed(_targets(statuses))]
    ready = [weight for weight, status in zip(weights, statuses, strict=True) if status == "ready"]
    assert sum(weights) == sum(ready) == (WHOLE if ready else 0)
    assert not ready or max(ready) - min(ready) <= 1


def test_keeps_the_order_of_targets() -> None:
    """Routers see targets in the order in which they came."""
    assert [target.target_id for target in weighed(_targets(["ready", "probing", "ready"]))] == ["0", "1", "2"]


@given(_statuses, st.permutations([9_000, 900, 100]), st.integers(1, 10**9))
def test_shares_change_nothing_but_the_shares(statuses: list[TargetStatus], weights: list[int], revision: int) -> None:
    """Not what is known of targets, nor what fact counted last: whoever shares does not stand in the order of facts."""
    before = Route("m", 3, "open", {"x": 1}, "R000000000007", weighed(_targets(statuses)), stopped=2)
    shares = [(f"1.{place}.0", weight) for place, weight in enumerate(weights)]
    after = share(before, shares, revision).route
    assert after is not None
    assert (after.versions, after.shared_at) == (tuple(shares), revision)
    assert (after.targets, after.last_event, after.state, after.stopped) == (before.targets, before.last_event, "open", 2)


@given(_statuses)
def test_a_version_is_served_by_targets_that_live(statuses: list[TargetStatus]) -> None:
    """Ready or soon; who has no share needs none."""
    route = Route("m", 1, "open", {}, "R1", tuple(_targets(statuses)))
    lives = any(status != "draining" for status in statuses)
    assert unserved(route, [("1.0.0", 9_000), ("2.0.0", 1_000), ("3.0.0", 0)]) == ((1,) if lives else (0, 1))
