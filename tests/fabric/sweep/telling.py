"""How a story is told to the sweep: its name, and where it goes on. What it tells is in `lives`, `changes`, `cut_short` and `trouble`."""

from collections.abc import Callable
from typing import Any

from tests.fabric.sweep.stage import Stage

Scenario = Callable[[Stage], None]
SCENARIOS: dict[str, Scenario] = {}
AFTER: dict[str, str] = {}
"""Scenarios that go on where another has ended, and which."""
ARGUMENTS: dict[str, Any] = {"kind": "llama.cpp", "arguments": {"context_length": 4096}}


def scenario(story: Scenario) -> Scenario:
    """One of them."""
    SCENARIOS[story.__name__] = story
    return story


def after(earlier: Scenario) -> Callable[[Scenario], Scenario]:
    """One that goes on where this one has ended: as soon as it was quiet, before anything was swept."""

    def follow(story: Scenario) -> Scenario:
        AFTER[story.__name__] = earlier.__name__
        return scenario(story)

    return follow
