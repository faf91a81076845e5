"""Each planted mistake is found by the stateful model test within a few hundred random lives: what finds nothing proves nothing."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.evidence import counted
from tests.fabric.functions import CONTEXTS, forget
from tests.fabric.model.machine import fresh_machine
from tests.fabric.model.standing import forget_all
from tests.fabric.model.stories import STORIES, tell
from tests.fabric.planted.bugs import BUGS, Bug

FEW, MANY, STEPS = 25, 400, 24


@dataclass(frozen=True)
class Found:
    """What found a mistake (empty: nothing has), and after how many lives and steps of them."""

    by: str
    lives: int
    steps: int


def hunt(bug: Bug) -> Found:
    """Few random lives, then those that are told, then many random ones."""
    with bug.planted():
        _forget_everything()
        try:
            few = _drawn(FEW)
            return few if few.by else _told() or _drawn(MANY)
        finally:
            _forget_everything()


def _forget_everything() -> None:
    """What was made or arranged by the product as it was."""
    forget(*CONTEXTS)
    forget_all()


def _drawn(examples: int) -> Found:
    """Random lives, always the same ones."""
    machine = fresh_machine()
    seed(1)(machine)
    limits = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=limits)
    except Exception as error:  # noqa: BLE001 - whatever finds it
        return Found(_name_of(error), machine.examples, machine.steps)
    return Found("", machine.examples, machine.steps)


def _told() -> Found | None:
    """The first told life that breaks."""
    for number, story in enumerate(STORIES, 1):
        try:
            tell(story)
        except Exception as error:  # noqa: BLE001 - whatever finds it
            return Found(f"{_name_of(error)} in {story.__name__}", FEW + number, FEW * STEPS)
    return None


def _name_of(error: BaseException) -> str:
    """The innermost function of the model in which it was found; `settle` where nothing ever comes to rest."""
    names = []
    trace = error.__traceback__
    while trace:
        if "/tests/fabric/" in trace.tb_frame.f_code.co_filename:
            names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return names[-1] if names else type(error).__name__


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_planted_mistake_is_found(name: str) -> None:
    """Some invariant is broken by it, in one of a few hundred lives; the report says by which and after how many."""
    found = hunt(BUGS[name])
    counted("planted_bugs_planted", 1, bug=name)
    assert found.by, f"{BUGS[name].sentence}: found by nothing in {found.lives} lives, {found.steps} steps"
    counted("planted_bugs_found", 1, bug=name, by=found.by, after=f"{found.lives} lives, {found.steps} steps")
