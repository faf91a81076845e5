"""What engine programs of ours tell the supervisor arrives whole, whatever the engine's own threads write meanwhile."""

import os

import pytest

from contracts.engine import Phase
from engine.adapters.base import NOTHING
from engine.adapters.programs import read_program_line
from engine.programs import lifeline


def test_a_message_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second write would leave room for half a line of the engine's log between message and line break."""
    written: list[bytes] = []

    def write(_: int, content: bytes) -> int:
        written.append(content)
        return len(content)

    monkeypatch.setattr(os, "write", write)
    lifeline.say("listening http://127.0.0.1:1234")
    assert written == [b"\nslipway-engine: listening http://127.0.0.1:1234\n"]


def test_an_address_is_taken_only_whole() -> None:
    """An address with something of another line in it would be asked for ever."""
    assert read_program_line("slipway-engine: listening http://127.0.0.1:40291I srv init: model loaded") is NOTHING
    reading = read_program_line("slipway-engine: listening http://127.0.0.1:40291")
    assert (reading.phase, reading.address) == (Phase.WARMING, "http://127.0.0.1:40291")
