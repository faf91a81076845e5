"""What is asked before doing: plans, instance types, schedules."""

import copy
from typing import Any

import pytest

from tests.fakes.management import FakeManagement, Told, page
from tests.unit.cli.running import Terminal, last

AMOUNTS = {"min": 0.0, "desired": 1.8614, "max": None}
COSTS = {
    "usd_per_hour": AMOUNTS,
    "usd_per_month": {"min": 0.0, "desired": 1358.82, "max": None},
    "basis": "g6e.xlarge on demand, 1.8614 an hour each",
}
PLAN: dict[str, Any] = {
    "model_id": "llama",
    "generation": 3,
    "command": "update",
    "change_class": "restart",
    "restarts": True,
    "changes": [{"path": "engine.arguments.context_length", "before": 8192, "after": 65536, "change_class": "restart"}],
    "surge": {"fits": False, "reason": "the quota has no room"},
    "copies": {"before": 1, "after": 1},
    "gpus": {"before": 1, "after": 2},
    "fit": {
        "verdict": "no",
        "reason": "needs 52.1 GiB of 44.0",
        "on": "g6e.xlarge",
        "context_length": 65536,
        "concurrency": 1,
        "cache_tokens": 65536,
        "lines": [{"what": "weights", "formula": "8.03e9 x 2 bytes", "gib": 14.96}, {"what": "layers", "formula": "32", "gib": None}],
        "max_context_length": 40960,
        "max_concurrency": 0.62,
        "instance_types": [
            {"instance_type": "g6e.12xlarge", "verdict": "fits", "max_context_length": 131072, "max_concurrency": 8.5, "eligible": False}
        ],
    },
    "cost": {
        "currency": "USD",
        "price_region": "eu-west-1",
        "priced_on": "2026-01-01",
        "source": "snapshot",
        "before": COSTS,
        "after": COSTS,
    },
    "refused": [{"path": "engine.arguments.context_length", "code": "context-does-not-fit", "message": "the longest that fits is 40960"}],
    "hint": "Lower it.",
    "warnings": ["prices are those of 2026-01-01"],
    "acknowledge": "ack_" + "a" * 40,
}
INSTANCE = {
    "instance_type": "g6e.xlarge",
    "family": "g6e",
    "accelerator": "L40S",
    "accelerators": 1,
    "accelerator_memory_gib": 44.7,
    "accelerator_usable_gib": 44.0,
    "vcpus": 4,
    "memory_gib": 32.0,
    "architecture": "x86_64",
    "usd_per_hour": 1.8614,
    "usd_per_month": 1358.82,
    "price_source": "snapshot",
    "offered": None,
    "bought_here": True,
    "quota_code": "L-DB2E81BA",
    "quota_left": 3,
    "fit": None,
}


def test_a_plan_is_shown_whole() -> None:
    """Change, class, consequences, arithmetic, where it would fit, cost, what would be refused, warnings."""
    terminal = Terminal(FakeManagement({"POST /models/plan": [Told(200, PLAN)]}))
    ended = terminal.run("models", "plan", "llama", "--set", "engine.arguments.context_length=65536")
    assert last(terminal).body == {"model_id": "llama", "changes": {"engine": {"arguments": {"context_length": 65536}}}}
    for words in (
        "update llama",
        "restart",
        "the containers that run are replaced",
        "does not fit: the quota has no room",
        "1 → 2",
        "8192",
        "65536",
        "does not fit on g6e.xlarge: needs 52.1 GiB of 44.0",
        "8.03e9 x 2 bytes",
        "14.96",
        "40960",
        "0.62",
        "g6e.12xlarge",
        "1.86",
        "1,358.82",
        "not known",
        "eu-west-1 on 2026-01-01 (snapshot)",
        "context-does-not-fit",
        "Lower it.",
        "prices are those of",
        "ack_aaaa",
    ):
        assert words in ended.out, words


def test_a_plan_of_a_new_model_takes_what_create_takes() -> None:
    """--new."""
    terminal = Terminal(FakeManagement({"POST /models/plan": [Told(200, PLAN)]}))
    terminal.run("models", "plan", "parrot", "--new", "-g", "research", "--engine", "mock")
    wanted = {"model_id": "parrot", "hosting": "hosted", "allowed_groups": ["research"], "engine": {"kind": "mock"}}
    assert last(terminal).body == {"model": wanted}


@pytest.mark.parametrize("absent", ["surge", "fit", "change_class", "hint", "acknowledge"])
def test_a_plan_without_some_parts_is_shown_all_the_same(absent: str) -> None:
    """Null where there is nothing to say."""
    smaller = copy.deepcopy(PLAN) | {absent: None}
    assert Terminal(FakeManagement({"POST /models/plan": [Told(200, smaller)]})).run("models", "plan", "llama", "--max", "4").code == 0


def test_a_dry_run_shows_the_same_plan() -> None:
    """Of any command that can be planned."""
    terminal = Terminal(FakeManagement({"DELETE /models/llama": [Told(200, PLAN)]}))
    assert "1,358.82" in terminal.run("models", "delete", "llama", "--dry-run").out


def test_instance_types_are_listed_with_what_is_known() -> None:
    """What is not known is said to be so; the verdict is shown where a model was named."""
    terminal = Terminal(FakeManagement({"GET /instances": [page(INSTANCE)]}))
    out = terminal.run("instances", "list").out
    assert "FIT" not in out
    for words in ("g6e.xlarge", "1 x L40S", "44.7", "1.86", "not known", "yes"):
        assert words in out
    fitting = INSTANCE | {"fit": {"verdict": "tight", "reason": "x", "max_context_length": 1, "max_concurrency": 1.0}}
    terminal.api.on("GET /instances", page(fitting))
    assert "tight" in terminal.run("instances", "list", "--fits-model", "llama", "--not-offered").out
    assert last(terminal).query == {"fits_model": "llama", "offered": "false"}


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (["mon", "tue", "wed", "thu", "fri"], "mon-fri"),
        (["sat", "sun"], "sat,sun"),
        (["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "daily"),
    ],
)
def test_a_schedule_is_shown_as_it_was_written(days: list[str], words: str) -> None:
    """With what it does next, and what somebody overrides."""
    wish = {
        "time_zone": "Europe/Berlin",
        "windows": [{"days": days, "opens": "08:00", "closes": "18:00"}],
        "lead_minutes": 10,
        "enabled": True,
    }
    upcoming = {"action": "stop", "at": "2999-01-01T17:00:00Z", "local": "2999-01-01T18:00:00+01:00"}
    state = {
        "model_id": "parrot",
        "generation": 3,
        "schedule": wish,
        "in_window": True,
        "next_action": upcoming,
        "overridden_until": "2999-01-01T17:00:00Z",
    }
    out = Terminal(FakeManagement({"GET /models/parrot/schedule": [Told(200, state)]})).run("models", "schedule", "show", "parrot").out
    for expected in (f"{words} 08:00-18:00", "10 min", "stop in", "2999-01-01T18:00:00+01:00", "until 2999-01-01T17:00:00Z"):
        assert expected in out
