"""The route table in memory: every route prepared for one look-up per request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.inference import PROVIDER, endpoints_of
from contracts.routing import Route, RouteTarget, route_of
from router.errors import bad_request
from router.identity import Caller

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Target:
    """A place that answers. `key` is unique over all models; `origin` is `http://address:port`, empty for a provider."""

    key: str
    row: RouteTarget
    origin: str

    @property
    def weight(self) -> int:
        """Its share of the route's traffic."""
        return self.row.weight


@dataclass(frozen=True, slots=True)
class Prepared:
    """A route with what a request needs of it worked out beforehand."""

    route: Route
    groups: frozenset[str]
    ready: tuple[Target, ...]
    defaults: Mapping[str, Any]
    listings: tuple[Mapping[str, Any], ...]
    limit: int | None
    is_open: bool
    endpoints: frozenset[str]

    @property
    def is_listed(self) -> bool:
        """Whether callers are told of it: it answers, or will soon once somebody asks. A new model is listed once it has answered."""
        state = self.route.state
        return state in {"open", "asleep"} or (state == "probing" and self.route.expected_start_seconds is not None)

    def listing(self, name: str) -> Mapping[str, Any]:
        """What callers are told of the model who know it by this name."""
        return next(each for each in self.listings if each["id"] == name)

    def allows(self, caller: Caller) -> bool:
        """Whether the caller may see and call this model."""
        if caller.models is not None and self.route.model_id not in caller.models:
            return False
        return caller.admin or EVERYONE in self.groups or not self.groups.isdisjoint(caller.groups)

    def check_task(self, path: str) -> None:
        """Raise 400 if the model does not do what is asked at `path`, naming what it does."""
        if path not in self.endpoints:
            supported = ", ".join(sorted(self.endpoints))
            message = f"`{self.route.model_id}` is a model for {self.route.task}; it answers at {supported}, not {path}."
            raise bad_request("task_not_supported", message, "model")


def prepare(route: Route) -> Prepared:
    """Work out what requests need of `route`."""
    ready = tuple(target_of(route, row) for row in route.targets if row.status == "ready")
    defaults = route.generation_defaults.model_dump(mode="json", exclude_none=True)
    is_open = route.state == "open" and bool(ready)
    return Prepared(
        route, frozenset(route.allowed_groups), ready, defaults, _listings(route), route.limits.max_in_flight, is_open, _endpoints(route)
    )


def target_of(route: Route, row: RouteTarget) -> Target:
    """The target of a row; brackets go round an IPv6 address."""
    host = f"[{row.address}]" if row.address and ":" in row.address else row.address
    return Target(f"{route.model_id}/{row.target_id}", row, f"http://{host}:{row.port}" if row.kind == "engine" else "")


def _endpoints(route: Route) -> frozenset[str]:
    """Where the model answers: what all kinds of its engines have, or all that its task has while none is known."""
    kinds = {PROVIDER if row.kind == "provider" else row.engine_kind for row in route.targets if row.status != "draining"}
    kinds = kinds or ({PROVIDER} if route.provider else set())
    return frozenset.intersection(endpoints_of(route.task), *(endpoints_of(route.task, kind) for kind in kinds))


def _listings(route: Route) -> tuple[dict[str, Any], ...]:
    """An entry for each name: the model's id, then its aliases."""
    own = _listing(route)
    return own, *({**own, "id": alias} for alias in route.aliases)


def _listing(route: Route) -> dict[str, Any]:
    return {
        "id": route.model_id,
        "object": "model",
        "created": int(datetime.fromisoformat(route.created_at).timestamp()),
        "owned_by": route.provider.name if route.provider else "slipway",
        "slipway": {
            "model_id": route.model_id,
            "aliases": list(route.aliases),
            "task": route.task,
            "version": route.version,
            "hosting": route.hosting,
            "state": route.state,
            "description": route.description,
            "features": route.features.model_dump(mode="json"),
            "endpoints": sorted(_endpoints(route)),
        },
    }


Listener = Callable[[Mapping[str, Prepared]], None]


class RouteTable:
    """Routes by model id. Everything happens on the event loop's thread; readers see whole rows, never half of a change."""

    def __init__(self) -> None:
        self.routes: dict[str, Prepared] = {}
        self._aliases: dict[str, str] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` with all routes after every change."""
        self._listeners.append(listener)

    @property
    def probing(self) -> bool:
        """Whether some target waits to be found ready."""
        return any(target.status == "probing" for held in self.routes.values() for target in held.route.targets)

    def visible(self, caller: Caller) -> list[Prepared]:
        """What the caller may use, by name: open models, sleeping ones and those that are being woken."""
        return [self.routes[name] for name in sorted(self.routes) if self.routes[name].is_listed and self.routes[name].allows(caller)]

    def ready_targets(self, model_id: str) -> int:
        """How many targets answer for the model now."""
        held = self.routes.get(model_id)
        return len(held.ready) if held else 0

    def find(self, model: str, caller: Caller) -> Prepared | None:
        """The route of the model with this id or alias, if the caller may use it."""
        held = self.routes.get(model) or self.routes.get(self._aliases.get(model, ""))
        return held if held is not None and held.allows(caller) else None

    # What the follower of the feed needs (`feed.Store`).

    def parse(self, document: dict[str, Any]) -> tuple[str, int, Prepared]:
        """Key, revision and prepared row of a document; ValueError (pydantic's included) for one that cannot be used."""
        route = route_of({name: value for name, value in document.items() if name in Route.model_fields})  # a newer writer may know more
        for row in route.targets:
            if row.kind == "engine" and (not row.address or not row.port):
                raise ValueError(f"target {row.target_id} has no address")
            if row.kind == "provider" and route.provider is None:
                raise ValueError("a provider target without a provider")
        return route.model_id, route.revision, prepare(route)

    def apply(self, changed: Mapping[str, Prepared], removed: Iterable[str]) -> None:
        """Take over changed rows and forget removed ones, then tell the listeners."""
        gone = list(removed)
        before = [self.routes.get(name) for name in (*gone, *changed)]
        for name in gone:
            self.routes.pop(name, None)
        self.routes.update(changed)
        if any(held.route.aliases for held in (*before, *changed.values()) if held is not None):
            self._name_anew()
        for listener in self._listeners:
            listener(self.routes)

    def _name_anew(self) -> None:
        """While an alias goes from one model to another, both rows may have it for a moment: the newer one counts."""
        ordered = sorted(self.routes.values(), key=lambda held: held.route.revision)
        self._aliases = {alias: held.route.model_id for held in ordered for alias in held.route.aliases}

    def keys(self) -> set[str]:
        """Every model id held."""
        return set(self.routes)

    def revision_of(self, key: str) -> int:
        """The revision of the row held, 0 for none."""
        held = self.routes.get(key)
        return held.route.revision if held else 0

    def documents(self) -> list[dict[str, Any]]:
        """Every row as it came."""
        return [held.route.document() for held in self.routes.values()]
