"""Runs of the suite side by side: nobody's output is lost or mixed, and whoever yields is nice."""

import subprocess
import sys

import pytest

from scripts.run_tests import LEAST, Told, went_well, yield_to_others

WAITING = """
import os, sys
print("before", flush=True)
sys.stdin.readline()
print("after", os.nice(0))
sys.exit(3)
"""


def test_what_is_told_meanwhile_is_shown_whole(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """What was printed before it may be shown, and after; with the exit status. And who has to yield is nice by then."""
    command, pipe = [sys.executable, "-c", WAITING], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        yield_to_others(process.pid)
        told = Told(process)
        assert capfdbinary.readouterr().out == b""
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.close()
        assert told.show() == 3
    assert capfdbinary.readouterr().out == f"before\nafter {LEAST}\n".encode()


def test_output_that_is_nobodys_is_refused() -> None:
    """Without a pipe there is nothing to hold back."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process, pytest.raises(ValueError, match="pipe"):
        Told(process)


@pytest.mark.parametrize(("code", "well"), [(0, True), (5, True), (1, False), (2, False), (-9, False)])
def test_a_run_without_tests_is_no_failure(code: int, *, well: bool) -> None:
    """With `-k` only some of the runs have any; one that was killed has failed."""
    assert went_well(code) is well
