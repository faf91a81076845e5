"""Traffic of versions at the command line."""

import pytest

from slipway_cli.commands.traffic import parse
from slipway_cli.errors import UsageError
from tests.fakes.management import FakeManagement, Told
from tests.unit.cli.running import Terminal, last

TRAFFIC = {
    "model_id": "parrot", "generation": 7, "state": "open", "shared_by": "shares", "pin_groups": [], "links": {},
    "versions": [
        {"version": "1.0.0", "weight": 9_525, "ready": 2, "probing": 0, "draining": 0},
        {"version": "1.1.0", "weight": 475, "ready": 0, "probing": 1, "draining": 0},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("text", "weight"), [("1.0.0=95", 9_500), ("1.0.0=4.75%", 475), ("1.0.0=0.1", 10), ("1.0.0=100", 10_000)])
def test_percents_become_whole_parts(text: str, weight: int) -> None:
    """By their digits, so that nothing is rounded."""
    assert parse(text) == {"version": "1.0.0", "weight": weight}


@pytest.mark.parametrize("text", ["1.0.0", "1.0.0=", "=5", "1.0.0=5.123", "1.0.0=-5", "1.0.0=five"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError):
        parse(text)


def test_shares_are_sent_and_shown() -> None:
    """In parts of 10,000; `current` is the traffic's own generation, not the model's."""
    terminal = Terminal(
        FakeManagement({f"{method} /models/parrot/traffic": [Told(200, TRAFFIC, {"ETag": '"7"'})] for method in ("GET", "PUT")})
    )
    ended = terminal.run("models", "traffic", "set", "parrot", "1.0.0=95.25", "1.1.0=4.75", "--if-match", "current")
    assert [asked.path for asked in terminal.api.asked] == ["/models/parrot/traffic"] * 2
    assert (last(terminal).headers["if-match"], ended.code) == ('"7"', 0)
    assert last(terminal).body == {"versions": [{"version": "1.0.0", "weight": 9_525}, {"version": "1.1.0", "weight": 475}]}
    shown = Terminal(FakeManagement({"GET /models/parrot/traffic": [Told(200, TRAFFIC)]}), agrees=True).run(
        "models", "traffic", "show", "parrot"
    )
    assert "1.1.0" in shown.out


@pytest.mark.parametrize("words", [(), ("1.0.0=99",), ("1.0.0=100", "--even"), ("1.0.0=60", "1.1.0=60")])
def test_what_is_no_whole_is_not_sent(words: tuple[str, ...]) -> None:
    """Neither less nor more, nor two wishes at once."""
    terminal = Terminal()
    assert (terminal.run("models", "traffic", "set", "parrot", *words).code, terminal.api.asked) == (2, [])


def test_even_shares_are_none_of_ones_own() -> None:
    """An empty list."""
    terminal = Terminal(FakeManagement({"PUT /models/parrot/traffic": [Told(200, TRAFFIC)]}))
    terminal.run("models", "traffic", "set", "parrot", "--even")
    assert last(terminal).body == {"versions": []}
