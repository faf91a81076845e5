"""A route's traffic as callers see it, and whose route it is."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kit.caller import Caller
from kit.errors import NotFound
from routing.domain.route import Known, Route


def route_for(caller: Caller, model_id: str, known: Known) -> Route:
    """The route if there is one that the caller may know of; `NotFound("model-not-found")` for both other cases."""
    route = known.route
    if route is None or not caller.may_see(model_id, route.about["allowed_groups"]):
        raise NotFound(
            "model-not-found", f"there is no route to a model {model_id}", "A model has one once its first copy has been started."
        )
    return route


def shown(route: Route) -> dict[str, Any]:
    """The body of `GET /models/{model_id}/traffic`."""
    counts = Counter((target.version, target.status) for target in route.targets)
    shares = dict(route.versions) if route.versions else _by_targets(route)
    versions = [
        {"version": version, "weight": weight, **{status: counts[version, status] for status in ("ready", "probing", "draining")}}
        for version, weight in shares.items()
    ]
    return {
        "model_id": route.model_id,
        "generation": route.shared_at,
        "state": route.state,
        "shared_by": "shares" if route.versions else "targets",
        "versions": versions,
        "pin_groups": list(route.about.get("pin_groups", ())),
        "links": {"self": f"/models/{route.model_id}/traffic", "model": f"/models/{route.model_id}"},
    }


def _by_targets(route: Route) -> Mapping[str, int]:
    sums: dict[str, int] = {}
    for target in route.targets:
        sums[target.version] = sums.get(target.version, 0) + target.weight
    return sums
