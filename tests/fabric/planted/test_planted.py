"""Each planted mistake is found by the stateful model test within a few hundred random lives: what finds nothing proves nothing."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.evidence import counted
from tests.fabric.functions import CONTEXTS, forget
from tests.fabric.model.machine import fresh_machine
from tests.fabric.planted.bugs import BUGS, Bug

EXAMPLES, STEPS = 400, 24


def found(bug: Bug) -> tuple[str, int, int]:
    """What finds the mistake, after how many examples and steps; an empty text if nothing does."""
    machine = fresh_machine()
    seed(1)(machine)
    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with bug.planted():
        forget(*CONTEXTS)
        try:
            run_state_machine_as_test(machine, settings=limits)
        except Exception as error:  # noqa: BLE001 - whatever finds it
            return _name_of(error), machine.examples, machine.steps
        finally:
            forget(*CONTEXTS)
    return "", machine.examples, machine.steps


def _name_of(error: BaseException) -> str:
    """The function of the model that raised, else the error's own name."""
    names = []
    trace = error.__traceback__
    while trace:
        if "/tests/fabric/model/" in trace.tb_frame.f_code.co_filename or type(error).__name__ == "Quiet":
            names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return names[-1] if names else type(error).__name__


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_planted_mistake_is_found(name: str) -> None:
    """Some invariant is broken by it, in one of a few hundred lives; the report says by which and after how many."""
    by, examples, steps = found(BUGS[name])
    counted("planted_bugs_planted", 1, bug=name)
    assert by, f"{BUGS[name].sentence}: found by nothing in {examples} examples, {steps} steps"
    counted("planted_bugs_found", 1, bug=name, by=by, after=f"{examples} examples, {steps} steps")
