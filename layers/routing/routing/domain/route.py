"""A route and the rules by which it changes; each rule takes what is and what happened, and answers the change or None.

What happened to a model is told by one writer, so its facts have an order: a fact counts if its generation is not older than the route's
and its place in that order is behind the last one that counted. Everything else is history and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from routing.domain.weights import weighed

State = Literal["probing", "open", "closed", "asleep"]
TargetStatus = Literal["probing", "ready", "draining"]
PROVIDER_TARGET = "provider"
Shares = Sequence[tuple[str, int]]
"""Versions with their parts of `weights.WHOLE`, the one that gives first."""


@dataclass(frozen=True)
class Target:
    """One place that can answer; `address` and `port` are None for a provider. Gets a share of the traffic once it is `ready`.

    `provider` (as in the contract) marks a candidate: a third party that shall take over from the route's own once it has answered.
    """

    target_id: str
    version: str
    kind: Literal["engine", "provider"]
    status: TargetStatus
    address: str | None = None
    port: int | None = None
    engine_kind: str | None = None
    weight: int = 0
    provider: Mapping[str, Any] | None = None

    @property
    def is_live(self) -> bool:
        """Whether it takes traffic, or may soon."""
        return self.status != "draining"


@dataclass(frozen=True)
class Route:
    """How requests for one model name are answered.

    `about` is what routers need to know of the model and no rule here looks at (JSON types, names as in the contract). `last_event` is
    where the newest fact that counted stands in their order. `deleting`: closed for good, as far as this generation goes. `stopped`: the
    generation whose stop closed the route or put it to sleep, 0 for none; only copies of a newer one lead out of that. `provider`: the
    third party that answers now. `expected_start_seconds`: how long a sleeper's start is likely to take, kept until it answers.
    `versions`: how the traffic is shared, in parts of `weights.WHOLE`, the version that gives first; empty: by the weights of the targets.
    What happens to targets leaves it as it is: a version without any gives its share to the others until it has one again. `shared_at`:
    the table's revision at which somebody set it last, 0 for never.
    """

    model_id: str
    generation: int
    state: State
    about: Mapping[str, Any]
    last_event: str
    targets: tuple[Target, ...] = ()
    deleting: bool = False
    stopped: int = 0
    provider: Mapping[str, Any] | None = None
    expected_start_seconds: float | None = None
    versions: tuple[tuple[str, int], ...] = ()
    shared_at: int = 0

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


def offer_provider(known: Known, fact: Fact, about: Mapping[str, Any], provider: Mapping[str, Any], version: str) -> Change | None:
    """A third party shall answer: its one target is probed anew, whatever it was before. Shares that somebody has set stay."""
    if known.is_history(fact) or _is_closed_for_good(known, fact):
        return None
    target = Target(PROVIDER_TARGET, version, "provider", "probing")
    route = Route(fact.model_id, fact.generation, "probing", about, fact.order, (target,), provider=provider)
    if before := _lived_on(known):
        route = replace(route, versions=before.versions, shared_at=before.shared_at)
    return _change(route, "a provider shall answer")


def follow_capacity(known: Known, fact: Fact, about: Mapping[str, Any], capacity: Capacity, reason: str) -> Change | None:
    """The copies have changed: new ones are probed, ready ones stay ready, those that end drain, those that are gone leave.

    Copies of two versions may stand side by side. What is reported of a model that was asked to stop belongs to the life that ends: it
    drains and opens nothing, until copies of a newer generation live.
    """
    if known.is_history(fact) or _is_closed_for_good(known, fact):
        return None
    before = _lived_on(known) or Route(fact.model_id, fact.generation, "probing", about, fact.order)
    targets = tuple(_continued(known.route, target) for target in capacity.targets)
    route = replace(before, generation=fact.generation, about=about, last_event=fact.order, targets=targets, deleting=False)
    # Written down even where routers would see no difference: the event's id must count, or an older fact could come after it and win.
    if before.stopped and (fact.generation <= before.stopped or not any(target.is_live for target in targets)):
        return _change(_drained(route), reason)
    return _change(_settled(replace(route, stopped=0), stopped=capacity.desired == 0), reason)


def update(known: Known, fact: Fact, about: Mapping[str, Any], provider: Mapping[str, Any] | None, version: str) -> Change | None:
    """The wish has changed: what routers need to know is replaced at once, and no target's readiness is touched.

    Another third party than the one that answers now (`provider`, None for a model of ours) is probed beside it, as
    `provider-g{generation}`; it takes over when it has answered. Every update of a known route is answered, as somebody waits for its
    generation.
    """
    if known.route is None or known.route.deleting or known.is_history(fact):
        return None
    route = replace(known.route, generation=fact.generation, about=about, last_event=fact.order)
    if provider is None:
        return _change(route, "the model was updated")
    own = tuple(target for target in route.targets if target.provider is None)
    if provider == route.provider:
        return _change(replace(route, targets=own), "the model was updated")
    if not any(target.is_live for target in own):
        return _change(replace(route, provider=provider, targets=own), "the model was updated; its provider is asked by the next start")
    candidate = Target(f"{PROVIDER_TARGET}-g{fact.generation}", version, "provider", "probing", provider=provider)
    return _change(replace(route, targets=(*own, candidate)), "another provider shall answer")


def stop(known: Known, fact: Fact, expected_start_seconds: float | None, *, asleep: bool) -> Change | None:
    """The model shall leave service: all its targets drain, and the route is closed or asleep until a newer generation's copies live.

    Always answered, also where there is no route, as somebody waits for it.
    """
    if known.is_history(fact) or (known.route and known.route.deleting):
        return None
    if known.route is None:
        return Change(fact.model_id, fact.generation, None, "there was no route to close", gone=fact.order)
    state: State = "asleep" if asleep else "closed"
    route = replace(_closed(known.route, fact, deleting=False), state=state, stopped=fact.generation)
    expected = expected_start_seconds if asleep else None
    return _change(replace(route, expected_start_seconds=expected), "the model goes to sleep" if asleep else "the model is being stopped")


def believe_ready(known: Known, generation: int, target_id: str) -> Change | None:
    """A router had a real completion from a target: it takes traffic, and the route is open. A candidate takes its predecessor's place."""
    target = _observed(known, generation, target_id)
    if target is None or known.route is None or target.status != "probing":
        return None
    reason = f"target {target_id[:13]} answered a completion"
    ready = replace(target, status="ready", provider=None)
    route = replace(known.route, state="open", expected_start_seconds=None)
    if target.provider is not None:
        return _change(replace(route, provider=target.provider, targets=(ready,)), reason)
    return _change(replace(route, targets=tuple(ready if other is target else other for other in route.targets)), reason)


def believe_failed(known: Known, generation: int, target_id: str, why: str) -> Change | None:
    """A router saw that a target will never answer: it leaves the route; a provider's route that is left without any closes."""
    target = _observed(known, generation, target_id)
    if target is None or known.route is None or not target.is_live:
        return None
    targets = tuple(other for other in known.route.targets if other is not target)
    route = replace(known.route, targets=targets)
    alone = target.kind == "provider" and not any(other.is_live for other in targets)
    settled = replace(route, state="closed") if alone else _settled(route, stopped=False)
    return _change(settled, f"target {target_id[:13]} failed: {why}")


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


def share(route: Route, versions: Shares, revision: int) -> Change:
    """The route's traffic is shared so from now on, whatever happens to targets; `revision`: the table's, which this change makes."""
    parts = ", ".join(f"{version} {weight}" for version, weight in versions)
    reason = f"traffic is shared: {parts}" if versions else "traffic is shared by what ready targets weigh"
    return _change(replace(route, versions=tuple(versions), shared_at=revision), reason)


def unserved(route: Route, versions: Shares) -> tuple[int, ...]:
    """The places of those versions that would get traffic and have no target, ready or soon."""
    live = {target.version for target in route.targets if target.is_live}
    return tuple(place for place, (version, weight) in enumerate(versions) if weight and version not in live)


def _change(route: Route, reason: str) -> Change:
    return Change(route.model_id, route.generation, replace(route, targets=weighed(route.targets)), reason)


def _closed(route: Route, fact: Fact, *, deleting: bool) -> Route:
    closed = replace(route, generation=fact.generation, state="closed", last_event=fact.order, deleting=deleting)
    return replace(_drained(closed), expected_start_seconds=None)


def _drained(route: Route) -> Route:
    return replace(route, targets=tuple(replace(target, status="draining") for target in route.targets))


def _lived_on(known: Known) -> Route | None:
    """The route, unless it is of a life that was to end: the next life of the name, told of before that end was, begins anew."""
    return None if known.route is None or known.route.deleting else known.route


def _is_closed_for_good(known: Known, fact: Fact) -> bool:
    return known.route is not None and known.route.deleting and fact.generation <= known.route.generation


def _continued(before: Route | None, target: Target) -> Target:
    """What is known of a target outlives the next report of it: ready stays ready, and one that drains never comes back."""
    known = before.target(target.target_id) if before else None
    if known is None:
        return target
    same = replace(target, engine_kind=known.engine_kind)  # the report knows the newest wish; this copy may be of an older one
    return replace(same, status=known.status) if target.is_live else same


def _settled(route: Route, *, stopped: bool) -> Route:
    """The route in the state that its targets give it; one that sleeps goes on sleeping until a target lives."""
    live = [target for target in route.targets if target.is_live]
    if any(target.status == "ready" for target in live):
        return replace(route, state="open", expected_start_seconds=None)
    if live:
        return replace(route, state="probing")
    if route.state == "asleep":
        return route
    return replace(route, state="closed" if stopped or route.state == "closed" else "probing")


def _observed(known: Known, generation: int, target_id: str) -> Target | None:
    """The target that was seen. An engine's id is a task's and never used again, so that a sighting of it counts whatever wish it was
    made under; a provider's says nothing of how it is to be asked, which may be another way by now."""
    if known.route is None or known.route.state == "closed":
        return None
    target = known.route.target(target_id)
    if target is None or (target.kind == "provider" and known.route.generation != generation):
        return None
    return target
