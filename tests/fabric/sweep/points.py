"""Where functions can die: enumerated from undisturbed runs of all scenarios, each point once.

A function that dies before its second call leaves the same world as one that dies after its first: nothing else happens between the two
in one thread. So one run stands for both, unless `SLIPWAY_PROOF_SCALE` asks for more than a change gets: then each is played.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from tests.evidence import scaled
from tests.fabric.copies import freeze, thaw
from tests.fabric.driver import Quiet
from tests.fabric.sweep.outcome import differing, outcome
from tests.fabric.sweep.scenarios import AFTER, SCENARIOS
from tests.fabric.sweep.stage import Death, Line, Stage

MOMENTS: tuple[Literal["before", "after"], ...] = get_args(Literal["before", "after"])
SEED = 1
Key = tuple[str, tuple[str, ...]]
"""Function, and the signatures of its calls up to the one around which it dies."""


@dataclass(frozen=True)
class Recording:
    """An undisturbed run of a scenario: what functions did, how it ended, and what was passed through on the way."""

    scenario: str
    runs: tuple[tuple[str, tuple[str, ...]], ...]
    end: Any
    lines: frozenset[Line]
    states: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Point:
    """One place to die in one scenario."""

    scenario: str
    function: str
    calls: tuple[str, ...]
    death: Death

    def __str__(self) -> str:
        return f"{self.scenario}: {self.function} dies {self.death.moment} call {self.death.call}, {self.calls[-1]} (run {self.death.run})"


def played(scenario: str, *deaths: Death, trace: bool = False) -> Stage:
    """Let a scenario happen, with these deaths, and come to rest."""
    with _begun(scenario, deaths, trace=trace) as stage:
        SCENARIOS[scenario](stage)
        stage.settle()
        return stage


def _begun(scenario: str, deaths: tuple[Death, ...], *, trace: bool) -> Stage:
    """A new platform, or a copy of the one on which the scenario goes on."""
    if scenario not in AFTER:
        return Stage(SEED, deaths, trace=trace)
    stage: Stage = thaw(_ended(AFTER[scenario]))
    stage.go_on(deaths, trace=trace)
    return stage


@cache
def _ended(scenario: str) -> bytes:
    """A platform on which this has happened undisturbed."""
    with _begun(scenario, (), trace=False) as stage:
        SCENARIOS[scenario](stage)
        stage.run()
    return freeze(stage)


def end_of(stage: Stage) -> Any:
    """What two runs have to have in common."""
    return outcome(stage, stage.accepted) | {"answers": stage.answers}


@cache
def recorded(scenario: str) -> Recording:
    """The undisturbed run."""
    stage = played(scenario, trace=True)
    runs = tuple((run.function, tuple(run.calls)) for run in stage.runs)
    edges = (edge.split(":", 1) for edge in stage.edges)
    return Recording(
        scenario, runs, end_of(stage), frozenset(stage.lines), frozenset((machine, edge.split("→")[1]) for machine, edge in edges)
    )


def recordings() -> list[Recording]:
    """Of every scenario."""
    return [recorded(scenario) for scenario in SCENARIOS]


@cache
def points() -> dict[str, list[Point]]:
    """Every point by scenario: where a function first comes to a call in this way, whichever scenario that is in."""
    found: dict[str, list[Point]] = {}
    seen: set[Key] = set()
    for recording in recordings():
        found[recording.scenario] = []
        for number, (function, calls) in enumerate(recording.runs):
            for call in range(len(calls)):
                key = function, calls[: call + 1]
                if key not in seen:
                    seen.add(key)
                    moments = MOMENTS if call == 0 or scaled(1) > 1 else ("after",)
                    found[recording.scenario] += [Point(recording.scenario, *key, Death(number, call, moment)) for moment in moments]
    return found


def everywhere(scenario: str) -> list[Point]:
    """Every call of a scenario before and after which a function can die, whether or not another scenario has come to it likewise."""
    runs = enumerate(recorded(scenario).runs)
    places = [(number, function, calls, call) for number, (function, calls) in runs for call in range(len(calls))]
    return [
        Point(scenario, function, calls[: call + 1], Death(number, call, moment))
        for number, function, calls, call in places
        for moment in MOMENTS
    ]


def swept(point: Point) -> list[str]:
    """Play the scenario with this death; where it has come to another end than the undisturbed run, or why it has come to none.

    It is played from the beginning of the scenario, on a platform of its own.
    """
    try:
        stage = played(point.scenario, point.death)
    except (AssertionError, LookupError, Quiet) as error:
        return [f"{type(error).__name__}: {error}"[-4000:]]
    if not any(name.startswith("crash ") for name in stage.fired):
        return ["nothing has died: it is not the same run twice"]
    return differing(recorded(point.scenario).end, end_of(stage))
