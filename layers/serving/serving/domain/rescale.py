"""What a decision about the count changes in the model."""

from dataclasses import replace

from serving.domain.change import Change, change
from serving.domain.model import Aspect, Model
from serving.domain.observations import capacity_changed
from serving.domain.scaling import Decision
from serving.domain.traffic import Traffic


def rescale(model: Model, made: Decision, traffic: Traffic, now: str) -> Change:
    """The model shall have as many copies as was decided; what the decision was made of is kept in the same write."""
    after = replace(model, scaled_to=made.after)
    enough = after.running >= after.desired
    after = after.with_condition(Aspect.CAPACITY_AVAILABLE, enough, "TasksRunning" if enough else "TasksStarting", now)
    told = capacity_changed(after, made.reason)
    return change(model, after, facts=[replace(told, data=told.data | {"decision": vars(made)})], traffic=traffic)
