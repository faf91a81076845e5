"""Threads beside the requests."""

import os
import threading

import pytest

from router.background import workers


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_threads_give_way_to_requests() -> None:
    """The pool's threads are nicer than the loop's, which stays as it is."""
    before = _niceness()
    with workers(1, "calls") as pool:
        assert pool.submit(_niceness).result() > before
    assert _niceness() == before


def test_a_system_that_knows_no_such_thing_has_threads_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be had is done without: a pool whose threads fail to start would answer nothing."""

    def refuse(_which: int, _who: int, _priority: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    with workers(1, "calls") as pool:
        assert pool.submit(lambda: 7).result() == 7
