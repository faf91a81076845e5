"""What routers tell of a model's traffic, kept in one row: the latest word of each, what was decided from it, whether somebody waits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serving.domain import scaling
from serving.domain.model import Aspect, Model, Status
from serving.domain.moments import seconds_between
from serving.domain.scaling import Decision, History, Load

_FORGOTTEN_SECONDS = 3600
_MOST_ROUTERS = 100  # far more than run at a time; those that were replaced long ago are forgotten before


@dataclass(frozen=True)
class Traffic:
    """One row. `edition` rises with every write; `history` is of the wish with that `generation`.

    `wake_wanted` is the generation of the sleep during whose beginning a request came.
    """

    model_id: str
    generation: int
    history: History
    edition: int = 1
    loads: tuple[Load, ...] = ()
    last_request_at: str | None = None
    wake_wanted: int | None = None

    @property
    def in_flight(self) -> int:
        """Requests under way, by the last word of each router; one that is silent by now said so."""
        return sum(load.in_flight for load in self.loads)

    def heard(self, load: Load, last_request_at: str | None, now: str) -> "Traffic | None":
        """With a router's newest word; None if a newer one, or this one, is known. A clock ahead of ours tells of now."""
        load = replace(load, observed_at=min(load.observed_at, now))
        known = next((one for one in self.loads if one.router_id == load.router_id), None)
        if known and known.observed_at >= load.observed_at:
            return None
        others = [one for one in self.loads if one is not known and seconds_between(one.observed_at, now) <= _FORGOTTEN_SECONDS]
        told = [moment for moment in (self.last_request_at, last_request_at, load.observed_at if load.busy else None) if moment]
        return replace(
            self,
            loads=(*others[1 - _MOST_ROUTERS :], load),
            last_request_at=min(max(told), now) if told else None,
            edition=self.edition + 1,
        )

    def repeats(self, load: Load) -> bool:
        """Whether exactly this is the router's latest word: its message has come again."""
        return any((one.router_id, one.observed_at) == (load.router_id, load.observed_at) for one in self.loads)

    def of(self, model: Model, now: str) -> "Traffic":
        """With a history of the model's present wish: what was decided for an earlier one says nothing of this."""
        if self.generation == model.generation:
            return self
        return replace(self, generation=model.generation, history=scaling.begun(model.desired, now))


def unheard(model: Model, now: str) -> Traffic:
    """Of a model of whose traffic nothing is known; its first write makes edition 1."""
    return Traffic(model.model_id, model.generation, scaling.begun(model.desired, now), edition=0)


def capacity(model: Model) -> Mapping[str, Any] | None:
    """The wish's capacity where the load may decide over it: engines of ours, in service, no operation under way."""
    scalable = model.status is Status.IN_SERVICE and model.operation is None and model.deployment and not model.deleted
    return dict(model.spec["capacity"]) if scalable and "capacity" in model.spec else None


def decision(model: Model, traffic: Traffic, now: str) -> Decision | None:
    """What the load as known now makes of the count; None = it stays."""
    bounds = capacity(model)
    if bounds is None:
        return None
    return scaling.decide(bounds, traffic.loads, model.running, _ready(model, traffic, now), model.desired, traffic.history, now)


def judged(model: Model, traffic: Traffic, made: Decision | None, now: str) -> Traffic:
    """With what the present load is worth, and the decision that was made of it."""
    bounds = capacity(model)
    if bounds is None:
        return traffic
    history = scaling.noted(bounds, traffic.loads, _ready(model, traffic, now), model.desired, traffic.history, now)
    return replace(traffic, history=history.stepped(made, now) if made else history)


def idle_since(model: Model, traffic: Traffic | None, now: str) -> str | None:
    """Since when nobody has used the model, at most since it can be used; None if it is in use, or cannot be used at all."""
    opened = next((one.since for one in model.conditions if one.type == Aspect.ROUTE_OPEN and one.status == "True"), None)
    if opened is None or (traffic and any(load.in_flight and (load.fresh(now) or load.missing(now)) for load in traffic.loads)):
        return None
    return max(opened, traffic.last_request_at) if traffic and traffic.last_request_at else opened


def sleeps(model: Model, traffic: Traffic | None, now: str) -> bool:
    """Whether the model has been idle for as long as its wish allows."""
    bounds = capacity(model)
    minutes = bounds.get("idle_minutes") if bounds else None
    since = idle_since(model, traffic, now) if minutes else None
    return since is not None and seconds_between(since, now) >= 60 * int(minutes or 0)


def _ready(model: Model, traffic: Traffic, now: str) -> int:
    """How many copies take requests: as the route told, or a router that knows more already."""
    told = len(model.route.ready) if model.route else 0
    return max([told, *(load.ready_targets for load in traffic.loads if load.fresh(now))])


def counts(model: Model) -> bool:
    """Whether its load is worth keeping: engines of ours that answer, or will go on answering when an update is over."""
    return not model.deleted and "capacity" in model.spec and model.status in {Status.IN_SERVICE, Status.UPDATING}
