"""A route and the rules by which it changes; each rule takes what is and what happened, and answers the change or None.

What happened to a model is told by one writer, so its facts have an order: a fact counts if its generation is not older than the route's
and its place in that order is behind the last one that counted. Everything else is history and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from routing.domain.weights import weighed

State = Literal["probing", "open", "closed"]
PROVIDER_TARGET = "provider"


@dataclass(frozen=True)
class Target:
    """One place that can answer; `address` and `port` are None for a provider. Gets a share of the traffic once it is `ready`."""

    target_id: str
    version: str
    kind: Literal["engine", "provider"]
    status: Literal["probing", "ready", "draining"]
    address: str | None = None
    port: int | None = None
    engine_kind: str | None = None
    weight: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it takes traffic, or may soon."""
        return self.status != "draining"


@dataclass(frozen=True)
class Route:
    """How requests for one model name are answered.

    `about` is what routers need to know of the model and no rule here looks at (JSON types, names as in the contract). `last_event` is
    where the newest fact that counted stands in their order. `deleting`: closed for good, as far as this generation goes.
    """

    model_id: str
    generation: int
    state: State
    about: Mapping[str, Any]
    last_event: str
    targets: tuple[Target, ...] = ()
    deleting: bool = False

    def target(self, target_id: str) -> Target | None:
        """The target with this id, or None."""
        return next((target for target in self.targets if target.target_id == target_id), None)


@dataclass(frozen=True)
class Fact:
    """Which fact this is: the model, its generation, and a text that is greater than that of every earlier fact about the model."""

    model_id: str
    generation: int
    order: str


@dataclass(frozen=True)
class Capacity:
    """What serving says of a model's copies: how many there shall be, and those that are (live: `probing`, ending: `draining`)."""

    desired: int
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Change:
    """What shall become of the route (None: its row goes), and why. `generation` is the one that the change answers."""

    model_id: str
    generation: int
    route: Route | None
    reason: str
    gone: str | None = None
    """Where the row goes or never was: the place of the fact that ended it. Facts not behind that are history."""


@dataclass(frozen=True)
class Known:
    """What the table holds of a model: its route, and the place of the fact that last ended one."""

    route: Route | None = None
    gone: str | None = None

    def is_history(self, fact: Fact) -> bool:
        """Whether the fact came too late to count."""
        if self.gone is not None and fact.order <= self.gone:
            return True
        return self.route is not None and (fact.generation < self.route.generation or fact.order <= self.route.last_event)


def offer_provider(known: Known, fact: Fact, about: Mapping[str, Any], version: str) -> Change | None:
    """A third party shall answer: its one target is probed anew, whatever it was before."""
    if known.is_history(fact) or _is_closed_for_good(known, fact):
        return None
    target = Target(PROVIDER_TARGET, version, "provider", "probing")
    route = Route(fact.model_id, fact.generation, "probing", about, fact.order, (target,))
    return _change(route, "a provider shall answer")


def follow_capacity(known: Known, fact: Fact, about: Mapping[str, Any], capacity: Capacity, reason: str) -> Change | None:
    """The copies have changed: new ones are probed, ready ones stay ready, those that end drain, those that are gone leave."""
    if known.is_history(fact) or _is_closed_for_good(known, fact):
        return None
    before = known.route
    targets = tuple(_continued(before, target) for target in capacity.targets)
    route = Route(fact.model_id, fact.generation, before.state if before else "probing", about, fact.order, targets)
    # Written down even where routers would see no difference: the event's id must count, or an older fact could come after it and win.
    return _change(replace(route, state=_state(route, stopped=capacity.desired == 0)), reason)


def believe_ready(known: Known, generation: int, target_id: str) -> Change | None:
    """A router had a real completion from a target: it takes traffic, and the route is open."""
    target = _observed(known, generation, target_id)
    if target is None or known.route is None or target.status != "probing":
        return None
    targets = tuple(replace(other, status="ready") if other is target else other for other in known.route.targets)
    return _change(replace(known.route, targets=targets, state="open"), f"target {target_id[:13]} answered a completion")


def believe_failed(known: Known, generation: int, target_id: str, why: str) -> Change | None:
    """A router saw that a target will never answer: it leaves the route; a route that depends on it alone closes if it is a provider's."""
    target = _observed(known, generation, target_id)
    if target is None or known.route is None or not target.is_live:
        return None
    targets = tuple(other for other in known.route.targets if other is not target)
    route = replace(known.route, targets=targets)
    state: State = "closed" if target.kind == "provider" else _state(route, stopped=False)
    return _change(replace(route, state=state), f"target {target_id[:13]} failed: {why}")


def close_for_deletion(known: Known, fact: Fact) -> Change | None:
    """The model shall go: its route closes for good. Always answered, also where there is no route, as somebody waits for it."""
    if known.is_history(fact):
        return None
    if known.route is None:
        return Change(fact.model_id, fact.generation, None, "there was no route to close", gone=fact.order)
    if known.route.deleting and known.route.generation == fact.generation:
        return None
    return _change(_closed(known.route, fact, deleting=True), "the model is being deleted")


def close_for_failure(known: Known, fact: Fact, why: str) -> Change | None:
    """An operation failed for good and what it built is torn down: the route closes until new targets appear.

    Where there is none, the failure is remembered, or a late report of what is torn down by now would make one.
    """
    if known.is_history(fact) or (known.route and known.route.deleting):
        return None
    if known.route is None:
        return Change(fact.model_id, fact.generation, None, f"the model failed: {why}", gone=fact.order)
    return _change(_closed(known.route, fact, deleting=False), f"the model failed: {why}")


def drop(known: Known, fact: Fact) -> Change | None:
    """The model is gone: so is its row, also one that a late fact would make."""
    if known.is_history(fact):
        return None
    return Change(fact.model_id, fact.generation, None, "the model is deleted", gone=fact.order)


def _change(route: Route, reason: str) -> Change:
    return Change(route.model_id, route.generation, replace(route, targets=weighed(route.targets)), reason)


def _closed(route: Route, fact: Fact, *, deleting: bool) -> Route:
    draining: Sequence[Target] = [replace(target, status="draining") for target in route.targets]
    return replace(route, generation=fact.generation, state="closed", last_event=fact.order, targets=tuple(draining), deleting=deleting)


def _is_closed_for_good(known: Known, fact: Fact) -> bool:
    return known.route is not None and known.route.deleting and fact.generation <= known.route.generation


def _continued(before: Route | None, target: Target) -> Target:
    """What is known of a target outlives the next report of it: ready stays ready, and one that drains never comes back."""
    known = before.target(target.target_id) if before else None
    if known is None or not target.is_live:
        return target
    return replace(target, status=known.status)


def _state(route: Route, *, stopped: bool) -> State:
    live = [target for target in route.targets if target.is_live]
    if any(target.status == "ready" for target in live):
        return "open"
    if live:
        return "probing"
    return "closed" if stopped or route.state == "closed" else "probing"


def _observed(known: Known, generation: int, target_id: str) -> Target | None:
    if known.route is None or known.route.state == "closed" or known.route.generation != generation:
        return None
    return known.route.target(target_id)
