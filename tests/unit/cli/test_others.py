"""Schedules, tokens, the audit, any request; completion."""

import csv
import json
from pathlib import Path

import pytest
import typer

from slipway_cli.app import app
from slipway_cli.commands.arguments import _models
from slipway_cli.commands.schedule import parse
from slipway_cli.errors import UsageError
from slipway_cli.formats import ago, duration, size
from slipway_cli.session import Tools
from tests.fakes.management import FakeManagement, Told, accepted, event, model, page
from tests.unit.cli.running import Prefixed, Terminal, last

ISSUED = {
    "token_id": "abcdefghijklmn23", "name": "notebook", "principal": "token:abcdefghijklmn23", "groups": ["research"],
    "scopes": ["inference"], "models": None, "expires_at": None, "revoked_at": None, "created_by": "oidc:ada",
    "created_at": "2026-01-01T00:00:00.000Z", "generation": 1,
    "token": "slp_the-new-token",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "days", "opens", "closes"),
    [
        ("mon-fri 08:00-18:00", ["mon", "tue", "wed", "thu", "fri"], "08:00", "18:00"),
        ("daily 22:00-06:00", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "22:00", "06:00"),
        ("fri-mon 00:00-12:00", ["mon", "fri", "sat", "sun"], "00:00", "12:00"),
        ("SAT,tue 10:00-16:00", ["tue", "sat"], "10:00", "16:00"),
    ],
)
def test_a_window_is_written_as_people_write_it(text: str, days: list[str], opens: str, closes: str) -> None:
    """Ranges, lists, every day."""
    assert parse(text) == {"days": days, "opens": opens, "closes": closes}


@pytest.mark.parametrize(
    "text", ["", "mon 8-18", "monday 08:00-18:00", "mon-fri", "mon-xxx 08:00-18:00", "mon,,tue 08:00-18:00", "08:00-18:00"]
)
def test_a_window_that_is_none_is_refused_with_an_example(text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError):
        parse(text)


def test_a_schedule_is_sent_whole() -> None:
    """From flags, over a file."""
    terminal = Terminal(FakeManagement({"PUT /models/parrot/schedule": [accepted()]}))
    words = ("--window", "mon 08:00-18:00", "--window", "sat 10:00-12:00", "--lead-minutes", "10", "--disabled")
    terminal.run("models", "schedule", "set", "parrot", "-z", "Europe/Berlin", *words)
    windows = [{"days": ["mon"], "opens": "08:00", "closes": "18:00"}, {"days": ["sat"], "opens": "10:00", "closes": "12:00"}]
    assert last(terminal).body == {"time_zone": "Europe/Berlin", "windows": windows, "lead_minutes": 10, "enabled": False}


@pytest.mark.parametrize("words", [("-z", "UTC"), ("--window", "mon 08:00-18:00"), ()])
def test_half_a_schedule_is_refused(words: tuple[str, ...]) -> None:
    """It needs a zone and a window."""
    terminal = Terminal()
    assert (terminal.run("models", "schedule", "set", "parrot", *words).code, terminal.api.asked) == (2, [])


def test_a_new_token_is_shown_once_with_a_warning() -> None:
    """It is the answer to this command, so it is printed."""
    terminal = Terminal(FakeManagement({"POST /tokens": [Told(201, ISSUED)]}))
    ended = terminal.run("tokens", "issue", "notebook", "-g", "research", "-s", "inference", "-m", "parrot", "--never-expires")
    assert last(terminal).body == {
        "name": "notebook",
        "groups": ["research"],
        "scopes": ["inference"],
        "models": ["parrot"],
        "expires_in_days": None,
    }
    assert ended.out.startswith("slp_the-new-token\n")
    assert "not shown again" in ended.out


def test_a_new_token_can_be_put_away_unseen(tmp_path: Path) -> None:
    """Into a file that only its owner reads, never over another one."""
    path = tmp_path / "notebook.token"
    terminal = Terminal(FakeManagement({"POST /tokens": [Told(201, ISSUED)]}))
    ended = terminal.run("tokens", "issue", "notebook", "--save", str(path), "--json")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("slp_the-new-token\n", 0o600)
    assert "slp_the" not in ended.out + ended.err
    assert terminal.run("tokens", "issue", "notebook", "--save", str(path)).code == 2
    assert len(terminal.api.asked) == 1


def test_tokens_are_listed_with_what_they_are_worth() -> None:
    """Valid, revoked, expired."""
    plain = {name: value for name, value in ISSUED.items() if name != "token"}
    rows = [plain, plain | {"revoked_at": "2026-01-01T00:00:00.000Z"}, plain | {"expires_at": "2020-01-01T00:00:00.000Z"}]
    out = Terminal(FakeManagement({"GET /tokens": [page(*rows)]})).run("tokens", "list").out
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["valid", "revoked", "expired"]


def test_the_audit_is_exported_an_entry_a_line() -> None:
    """Every page, filters and all."""
    terminal = Terminal(FakeManagement({"GET /audit": [page(event(1), next_token="n"), page(event(2))]}))
    ended = terminal.run("audit", "--actor", "oidc:ada", "--all", "--output", "ndjson")
    assert [json.loads(line)["revision"] for line in ended.out.splitlines()] == [1, 2]
    assert {asked.query["actor"] for asked in terminal.api.asked} == {"oidc:ada"}


USED: dict[str, object] = {
    "day": None, "model": "parrot", "version": None, "token": "token:a", "group": None, "requests": 1200, "failed": 2, "broken_off": 0,
    "estimated": 0, "input_tokens": 48_000, "output_tokens": 9100, "cached_tokens": 0, "reasoning_tokens": 0, "images": 0, "audio_ms": 0,
    "characters": 0, "mean_first_token_ms": 41, "mean_duration_ms": 900, "cost_micro_usd": 1_250_000, "unpriced_requests": 0,
}  # fmt: skip
UNPRICED = USED | {"token": "=oidc:eve", "requests": 3, "cost_micro_usd": None, "unpriced_requests": 3}


def used(*items: dict[str, object], next_token: str | None = None) -> Told:
    """A page of usage, with the totals of both rows."""
    totals = {"requests": 1203, "input_tokens": 96_000, "cost_micro_usd": 1_250_000, "unpriced_requests": 3}
    return Told(200, {"items": list(items), "totals": totals, "next_token": next_token, "prices_as_of": "2026-11-21"})


def test_usage_is_a_table_with_its_total() -> None:
    """The dimensions that were asked for, the sums, the cost in dollars; what has no price is said to have none."""
    ended = Terminal(FakeManagement({"GET /usage": [used(USED, UNPRICED)]})).run("usage", "--by", "model,token")
    head, first, second, total = ended.out.splitlines()
    assert head.split()[:3] == ["MODEL", "TOKEN", "REQUESTS"]
    assert (first.split()[2], first.split()[-1]) == ("1,200", "$1.25")
    assert second.endswith("not known")
    assert (total.split()[0], total.split()[1], total.split()[-1]) == ("total", "1,203", "$1.25")
    assert "No price is known for 3 of the requests" in ended.err


def test_usage_is_exported() -> None:
    """As CSV every page under one head, harmless to spreadsheets; as JSON with the totals."""
    api = FakeManagement({"GET /usage": [used(USED, next_token="n"), used(UNPRICED), used(USED), used()]})
    terminal = Terminal(api)
    lines = list(csv.DictReader(terminal.run("usage", "--csv").out.splitlines()))
    assert [(line["token"], line["cost_micro_usd"]) for line in lines] == [("token:a", "1250000"), ("'=oidc:eve", "")]
    assert json.loads(terminal.run("usage", "--json").out)["totals"]["requests"] == 1203
    assert "Nothing was used." in terminal.run("usage").err
    assert terminal.run("usage", "--csv", "--json").code == 2


def test_any_request_can_be_sent() -> None:
    """What the API learns before the command line does."""
    terminal = Terminal(FakeManagement({"POST /models/parrot/rollouts": [Told(202, {"a": 1})]}))
    ended = terminal.run("api", "call", "post", "/models/parrot/rollouts", "--file", "-", "--query", "x=1", stdin="{}")
    asked = last(terminal)
    assert (asked.body, asked.query, asked.headers["idempotency-key"]) == ({}, {"x": "1"}, "key-of-this-invocation")
    assert json.loads(ended.out) == {"a": 1}
    assert terminal.run("api", "call", "GET", "https://elsewhere.example/").code == 2
    assert terminal.run("api", "call", "GET", "/models/\x00").code == 2


@pytest.mark.parametrize("scripts", [{"GET /models": [page(model("parrot"), model("parakeet"))]}, {}])
def test_a_shell_completes_ids_and_never_fails(scripts: dict[str, list[Told]]) -> None:
    """Ids that begin so; nothing where the platform does not answer."""
    terminal = Terminal(FakeManagement({name: list(answers) for name, answers in scripts.items()}))
    context = typer.Context(typer.main.get_command(app), obj=Tools(environ=terminal.environ, transport=Prefixed(terminal.api)))
    assert _models(context, "par") == (["parrot", "parakeet"] if scripts else [])
    assert last(terminal).query["prefix"] == "par"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (95, "1 min 35 s"), (3600, "1 h"), (7500, "2 h 5 min"), (400_000, "4 d")],
)
def test_lengths_of_time_read_well(seconds: float, words: str) -> None:
    """Two units at most."""
    assert duration(seconds) == words


def test_moments_and_sizes_read_well() -> None:
    """Past and future; binary units; what is neither stays as it is."""
    assert ago("2000-01-01T00:00:00.000Z").endswith("d ago")
    assert ago("2999-01-01T00:00:00Z").startswith("in ")
    assert ago(None) == "-"
    assert [size(value) for value in (0, 1536, 144_811_008)] == ["0 B", "1.5 KiB", "138.1 MiB"]
