"""Changes of models, and what routing says to them."""

from typing import Any

from tests.functional.serving import samples
from tests.functional.serving.world import Serving

RESTART = {"container": {"shared_memory_mib": 128}}


def patch(
    serving: Serving, changes: dict[str, Any], model_id: str = samples.MODEL_ID, caller: Any = samples.RESEARCHER, **more: Any
) -> tuple[int, Any]:
    """`PATCH /models/{model_id}`: status and body."""
    path = {"model_id": model_id}
    return serving.http("update_model", "PATCH", f"/models/{model_id}", caller, path_parameters=path, body=changes, **more)[:2]


def acknowledged(serving: Serving, changes: dict[str, Any]) -> Any:
    """A change that restarts copies, sent again with what its refusal asked for; the accepted operation."""
    status, problem = patch(serving, changes)
    assert (status, problem["code"]) == (409, "restart-acknowledgement-required")
    status, accepted = patch(serving, changes | {"acknowledge": problem["acknowledge"]})
    assert status == 202
    serving.pump()
    return accepted


def told_by_routing(serving: Serving, revision: int, *ready: str, state: str = "open", model_id: str = samples.MODEL_ID) -> None:
    """Routing answers what it was told: a route of the present generation on which these targets take requests."""
    generation = serving.model(model_id)["generation"]
    serving.hear("RouteChanged", samples.route(state, revision, generation, model_id, targets=ready))
