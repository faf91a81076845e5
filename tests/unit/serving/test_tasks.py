"""What is concluded from what ECS says of tasks: on paper."""

from datetime import UTC, datetime, timedelta

from kit.clock import iso
from serving.domain.model import LiveTask
from serving.domain.tasks import TOLD_OF_STOPPED, TaskObservation, forgotten

_NOW = datetime(2026, 5, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def _known(name: str, since: datetime | None) -> LiveTask:
    return LiveTask(name, 1, "RUNNING", "RUNNING", "10.0.0.1", known_since=iso(since) if since else None)


def test_a_task_that_ecs_does_not_know_yet_has_not_stopped() -> None:
    """ECS answers from older states; it tells of a stopped task for an hour, so what is younger cannot have been forgotten."""
    young, old = _known("young", _NOW - TOLD_OF_STOPPED), _known("old", _NOW - TOLD_OF_STOPPED - _SECOND)
    unknown = _known("of an older release", None)
    assert [seen.task_id for seen in forgotten("s", [young, old, unknown], [], _NOW)] == ["old", "of an older release"]


def test_what_is_forgotten_has_stopped_for_good_and_what_is_told_of_is_not_forgotten() -> None:
    """Nothing that is heard of it later counts any more."""
    old, told = _known("old", _NOW - 2 * TOLD_OF_STOPPED), _known("told", _NOW - 2 * TOLD_OF_STOPPED)
    look = TaskObservation("told", "s", 1, 7, "RUNNING", "RUNNING", "10.0.0.1")
    (seen,) = forgotten("s", [old, told], [look], _NOW)
    assert seen.task_id == "old"
    assert seen.stopped
    assert seen.version > 100_000
