"""Environments of the checkout, made by one at a time."""

import fcntl
import threading
from pathlib import Path

import pytest

from local import bootstrap


def test_who_comes_second_waits_and_makes_nothing_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two that start in a fresh checkout do not both make its environments."""
    current, made, asked = set[str](), list[list[str]](), threading.Event()

    def is_current(group: str) -> bool:
        asked.set()
        return group in current

    monkeypatch.setenv("SLIPWAY_VENVS", str(tmp_path / "venvs"))
    monkeypatch.setattr(bootstrap, "is_current", is_current)
    monkeypatch.setattr(bootstrap, "_make", lambda stale, _report: made.append(stale))
    (tmp_path / "venvs").mkdir()
    second = threading.Thread(target=bootstrap.ensure, args=(["uv", "dev"],))
    with (tmp_path / "venvs" / ".lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second.start()
        assert asked.wait(10)
        current.add("uv")
        second.join(0.2)
        assert made == []
    second.join(10)
    assert made == [["dev"]]
