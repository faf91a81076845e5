"""Reading, deciding and committing under contention."""

import pytest

from contracts.serving import CapacityChanged
from kit.errors import Transient
from kit.patience import Patience
from routing.usecases.on_capacity_changed import OnCapacityChanged
from tests.fabric.wire import envelope_of
from tests.fakes.routing import FakeRouteTable
from tests.functional.routing.samples import capacity_changed


def _patience(waits: list[float]) -> Patience:
    return Patience(tries=4, chance=lambda: 0.5, sleep=waits.append)


def _react(table: FakeRouteTable, waits: list[float]) -> bool:
    data = capacity_changed()
    return OnCapacityChanged(table, _patience(waits))(CapacityChanged.receive(data), envelope_of("CapacityChanged", data))


def test_reads_again_when_somebody_was_quicker() -> None:
    """Two lost races, then the change is made once, after growing pauses."""
    waits: list[float] = []
    table = FakeRouteTable(contended=2)
    assert _react(table, waits)
    assert len(table.changes) == 1
    assert waits == [0.01, 0.02]


def test_gives_the_event_back_when_others_are_always_quicker() -> None:
    """After the last try the event is left to be delivered again."""
    table = FakeRouteTable(contended=99)
    with pytest.raises(Transient, match="contended-too-long"):
        _react(table, [])
    assert not table.changes


def test_a_repeated_event_writes_nothing() -> None:
    """The second delivery of one event finds its id applied."""
    table = FakeRouteTable()
    assert _react(table, [])
    assert not _react(table, [])
    assert table.revision == 1
