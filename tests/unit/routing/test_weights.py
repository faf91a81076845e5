"""How traffic is shared."""

from hypothesis import given
from hypothesis import strategies as st

from routing.domain.route import Target
from routing.domain.weights import WHOLE, weighed

_statuses = st.lists(st.sampled_from(["probing", "ready", "draining"]), max_size=20)


def _targets(statuses: list[str]) -> list[Target]:
    return [Target(str(number), "1.0.0", "engine", status) for number, status in enumerate(statuses)]  # type: ignore[arg-type]


@given(_statuses)
def test_ready_targets_share_everything_equally(statuses: list[str]) -> None:
    """The shares sum to the whole, differ by one at most, and nothing else gets any."""
    weights = [target.weight for target in weighed(_targets(statuses))]
    ready = [weight for weight, status in zip(weights, statuses, strict=True) if status == "ready"]
    assert sum(weights) == sum(ready) == (WHOLE if ready else 0)
    assert not ready or max(ready) - min(ready) <= 1


def test_keeps_the_order_of_targets() -> None:
    """Routers see targets in the order in which they came."""
    assert [target.target_id for target in weighed(_targets(["ready", "probing", "ready"]))] == ["0", "1", "2"]
