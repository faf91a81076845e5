"""What all commands on models have in common: the id of the new operation, its deadline, and the generation that the caller has seen."""

from datetime import timedelta

from kit.clock import Clock, iso
from kit.errors import StaleGeneration
from kit.ids import Ids
from serving.domain.change import Cause
from serving.domain.commands import Ask, time_for
from serving.domain.model import Model, Spec
from serving.domain.operation import Goal


def ask(actor: str, goal: Goal, spec: Spec, clock: Clock, ids: Ids) -> Ask:
    """Who asks, and the operation that the asking begins."""
    now = clock.now()
    return Ask(actor, iso(now), ids.new(), iso(now + timedelta(seconds=time_for(goal, spec))))


def cause_of(asked: Ask) -> Cause:
    """Why the facts of a command come to be."""
    return Cause(asked.actor, asked.operation_id)


def check_generation(model: Model, expected: int | None) -> None:
    """StaleGeneration unless the caller has seen the present generation (or did not say which one)."""
    if expected is not None and expected != model.generation:
        raise StaleGeneration(
            "generation-stale", f"the model is at generation {model.generation}, not {expected}", "Read the model again and decide anew."
        )
