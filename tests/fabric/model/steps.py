"""What holds after every step, whoever took it: invariants like those of `invariants`, asked of everything that can be seen."""

from collections.abc import Callable

from tests.fabric.model.seen import LEAVING, Seen, age

ROUTING_IS_GIVEN_UP_AFTER = 240.0
"""Seconds after which a model leaves service although routing has said nothing (statemachines: AwaitRouteClosed)."""


def routers_never_go_back(seen: Seen) -> None:
    """6: a router's table is never newer than the table that it follows."""
    head = seen.fabric.router._head()
    for router in seen.fabric.routers:
        assert router.revision <= head, f"{router.router_id} follows {router.revision}, and the table is at {head}"


def a_copy_ends_after_its_route(seen: Seen) -> None:
    """8: where a whole model leaves service, no copy is told to end while the route still sends it requests."""
    for task in seen.fabric.ecs.tasks.values():
        if not task.reason.startswith("Scaling activity") or task.last == "STOPPED":
            continue
        model_id = seen.services.get(task.service, ("", 0))[0]
        model, route = seen.model(model_id), seen.route(model_id)
        if not model or not route or model["status"] not in LEAVING:
            continue
        operation = seen.operation(model["operation"]) if model["operation"] else None
        if operation is None or operation["kind"] == "retry" or age(seen, operation) >= ROUTING_IS_GIVEN_UP_AFTER:
            continue
        served = [target["target_id"] for target in route["targets"] if target["weight"]]
        assert task.task_id not in served, f"{model_id} is {model['status']}, task {task.task_id[:8]} ends and still gets requests"


def every_service_is_written_down(seen: Seen) -> None:
    """3: whatever ECS keeps is written down as a model's before it is made, or nobody would know to take it away."""
    strangers = [name for name in seen.fabric.ecs.services if name not in seen.services]
    assert not strangers, f"ECS keeps {strangers}, which are nobody's"


def gpus_are_not_bought_twice(seen: Seen) -> None:
    """18: copies of two wishes stand beside each other on GPUs only during an update for which a second set was found to be free.

    What is free is known from figures that are some minutes old; where they were wrong, ECS finds no place and the update is undone.
    """
    for model_id in {owner for owner, _ in seen.services.values()}:
        model = seen.model(model_id)
        if not model or not model["spec"].get("accelerator", {}).get("gpus"):
            continue
        operation = seen.operation(model["operation"]) if model["operation"] else None
        if operation and operation["strategy"] == "surge":
            continue
        # Of one service there may be too many only until it is told of the new wish, which an operation sees to.
        living = [task for task in seen.fabric.ecs.alive() if seen.services.get(task.service, ("",))[0] == model_id]
        most = model["spec"]["capacity"]["max"]
        settling = operation is not None and len({task.service for task in living}) == 1
        assert settling or len(living) <= most, f"{model_id} may have {most} copies on GPUs, and has {[task.service for task in living]}"


STEPS: tuple[Callable[[Seen], None], ...] = (
    routers_never_go_back,
    a_copy_ends_after_its_route,
    every_service_is_written_down,
    gpus_are_not_bought_twice,
)
