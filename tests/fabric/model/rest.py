"""What holds finally: once faults have ended, dead letters have been given back and everything has been delivered.

Each invariant is one function whose first line is its sentence, with the number that it bears in the list of `invariants`.
"""

from collections.abc import Callable

from tests.fabric.model.seen import Document, Seen

WRITES_OF_AN_OPERATION = 60
"""More transactions on one operation than this are a storm: a life has about ten, and each repetition of a step may add one."""
_TELLS_NOTHING = frozenset({"update"})
"""Goals of which no fact need tell: an update of a model that is stopped is done with its ModelUpdated."""


def every_operation_has_ended(seen: Seen) -> None:
    """2: each accepted command has come to one end, and one that succeeded has told so if it is one that tells."""
    for (context, pk, sk), operation in seen.documents.items():
        if context != "serving" or sk != "OPERATION":
            continue
        assert operation["ended_at"], f"operation {pk} ({operation['kind']}) is {operation['status']}"
        told = seen.ends[operation["operation_id"]]
        if operation["status"] == "Succeeded" and operation["goal"] not in _TELLS_NOTHING:
            assert told == 1, f"{operation['kind']} {pk} has succeeded, told {told} times"


def nothing_is_left_of_what_has_left(seen: Seen) -> None:
    """3: a model that is deleted, stopped or failed occupies nothing: no service, no task, no share of a route, and, deleted, no alarm."""
    owners = {service: owner for service, (owner, _) in seen.services.items()}
    paid = {owners.get(name, name) for name, one in seen.fabric.ecs.services.items() if one.status != "INACTIVE"}
    paid |= {owners.get(task.service, task.service) for task in seen.fabric.ecs.tasks.values() if task.last != "STOPPED"}
    for model in _models(seen):
        model_id, route = model["model_id"], seen.route(model["model_id"])
        gone = model["deleted"]
        if not gone and model["status"] not in {"Stopped", "Failed"}:
            continue
        assert model_id not in paid, f"{model_id} is {'deleted' if gone else model['status']} and paid for: {seen.fabric.ecs.left()}"
        assert not (gone and route), f"{model_id} is deleted, and its route is {route and route['state']}"
        state = route["state"] if route else "closed"
        assert state in {"closed", "asleep"}, f"{model_id} is {model['status']} and its route is {state}"
        assert (state == "asleep") == bool(model["asleep"] and not gone), f"{model_id}: asleep {model['asleep']}, route {state}"


def every_copy_is_wanted(seen: Seen) -> None:
    """3 and 18: a model in service has one service, as many tasks as are wanted, and they are those that its row knows."""
    for model in _models(seen):
        if model["status"] != "InService" or model["deleted"] or model["spec"]["hosting"] != "hosted":
            continue
        services = [one for one in seen.fabric.ecs.services.values() if seen.services.get(one.name, ("",))[0] == model["model_id"]]
        active = [one for one in services if one.status == "ACTIVE"]
        wanted = model["spec"]["capacity"]["desired"] if model["scaled_to"] is None else model["scaled_to"]
        assert [one.name for one in active] == [one["service"] for one in model["deployments"]], f"{model['model_id']}: {active}"
        assert [one.desired for one in active] == [wanted], f"{model['model_id']} wants {wanted}, ECS {[one.desired for one in active]}"
        known = sorted(task["task_id"] for task in model["tasks"])
        assert known == sorted(seen.living(model["model_id"])), f"{model['model_id']} knows {known}, {seen.living(model['model_id'])} live"


def what_was_recorded_is_on_the_audit(seen: Seen) -> None:
    """5: the audit holds each fact that it is to hold, once, and nothing else."""
    rules = [rule for rule in seen.fabric.topology.rules if any(target.name.startswith("UsageOnFact") for target in rule.targets)]
    due = {
        fact["metadata"]["id"]
        for fact in seen.facts.values()
        for rule in rules
        if f"slipway.{fact['metadata']['producer']}" in rule.pattern["source"] and fact["event_type"] in rule.pattern["detail-type"]
    }
    audited = {sk for (context, pk, sk) in seen.documents if context == "usage" and pk.startswith("AUDIT#")}
    assert audited == due, f"on the audit too many: {sorted(audited - due)}, missing: {sorted(due - audited)}"


def routers_know_what_serving_knows(seen: Seen) -> None:
    """6 and 7: every router's table is the routes' table, and that is what serving's rows say: who answers for which model, and to whom."""
    routes = {pk_sk[2].partition("#")[2]: row for pk_sk, row in seen.documents.items() if pk_sk[2].startswith("ROUTE#")}
    for router in seen.fabric.routers:
        assert router.table == routes, f"{router.router_id} knows {router.table}, the table is {routes}"
    for model in _models(seen):
        if model["deleted"] or model["status"] != "InService":
            continue
        route = routes.get(model["model_id"])
        assert route, f"{model['model_id']} is in service without a route"
        assert route["generation"] == model["generation"], f"{model['model_id']}: route of {route['generation']}, not {model['generation']}"
        assert route["allowed_groups"] == model["spec"]["allowed_groups"], f"{model['model_id']}: {route['allowed_groups']}"
        assert model["observed_generation"] == model["generation"], f"{model['model_id']} has observed {model['observed_generation']}"
        if model["spec"]["hosting"] == "hosted":
            targets = sorted((one["target_id"], one["address"]) for one in route["targets"] if one["status"] != "draining")
            tasks = sorted((one["task_id"], one["address"]) for one in model["tasks"] if not one["condemned"])
            assert targets == tasks, f"{model['model_id']}: the route knows {targets}, serving {tasks}"
            ended = {one.task_id for one in seen.fabric.ecs.tasks.values() if one.last == "STOPPED"}
            ghosts = ended & {one["target_id"] for one in route["targets"]}
            assert not ghosts, f"{model['model_id']}: the route names {ghosts}, which have ended"
            ready = [one for one in route["targets"] if one["status"] == "ready"]
            assert len(ready) == len(tasks) or any(_broken(seen, one[0]) for one in tasks), f"{model['model_id']}: {route['targets']}"
        else:
            assert route["provider"] == _provider_of(model), f"{model['model_id']}: {route['provider']}"


def serving_says_how_it_is(seen: Seen) -> None:
    """7: what a model in service shows of its route is what routing's row says."""
    for model in _models(seen):
        route = seen.route(model["model_id"])
        if model["deleted"] or model["status"] != "InService" or route is None:
            continue
        shown = {one["type"]: one["status"] for one in model["conditions"]}
        ready = sorted(one["target_id"] for one in route["targets"] if one["status"] == "ready")
        assert shown["RouteOpen"] == str(route["state"] == "open"), f"{model['model_id']} shows {shown}, its route is {route['state']}"
        assert sorted(model["route"]["ready"]) == ready, f"{model['model_id']} shows {model['route']}, and {ready} are ready"


def nothing_is_lost(seen: Seen) -> None:
    """15: nothing is on its way, nothing lies in an outbox or with the dead letters, no wait and no answer is kept for what has ended."""
    fabric = seen.fabric
    assert fabric.dead_letters() == {}, f"dead letters: {fabric.dead_letters()}"
    markers = [(pk, sk) for _, pk, sk in seen.documents if pk.startswith("OUTBOX#")]
    assert not markers, f"never announced: {markers}"
    waits = [(pk, sk) for context, pk, sk in seen.documents if context == "serving" and sk.startswith("WAIT#")]
    assert not waits, f"nobody waits any more: {waits}"
    running = [one.name for one in fabric.machines.executions.values() if one.status == "RUNNING"]
    assert not running, f"executions go on: {running}"


def rest_is_rest(seen: Seen) -> None:
    """17: at rest a sweep of everything writes nothing and tells ECS nothing."""
    calls = seen.fabric.calls
    before = {name: number for name, number in calls.items() if _writes(name)}
    seen.fabric.sweep()
    written = {name: number - before.get(name, 0) for name, number in calls.items() if _writes(name) and number != before.get(name, 0)}
    assert not written, f"a sweep at rest has called {written}"


def no_storm(seen: Seen) -> None:
    """17: whatever goes wrong, the writes that one operation causes stay few."""
    for (context, pk, sk), operation in seen.documents.items():
        if context == "serving" and sk == "OPERATION":
            assert operation["edition"] <= WRITES_OF_AN_OPERATION, f"{pk} was written {operation['edition']} times"


def alarms_are_of_schedules(seen: Seen) -> None:
    """3: alarms are set for models that live and have a schedule, and for no others."""
    scheduled = {model["model_id"] for model in _models(seen) if not model["deleted"] and model["spec"].get("schedule")}
    alarms = {name.rstrip(".") for alarms in seen.fabric.schedules.alarms.values() for name, one in alarms.items() if not one.rung}
    assert alarms <= scheduled, f"alarms of {sorted(alarms)}, schedules of {sorted(scheduled)}"
    due = {name for name in scheduled if (seen.model(name) or {})["status"] in {"InService", "Stopped", "Failed"}}
    assert due <= alarms, f"schedules of {sorted(due)}, alarms of {sorted(alarms)}"


def nothing_is_said_of_secrets(seen: Seen) -> None:
    """16: no function has logged, and no event has carried, the secret part of a token."""
    if seen.secrets:
        told = "\n".join([*seen.spoken(), *(str(event) for event in seen.fabric.bus.seen)])
        assert not [secret for secret in seen.secrets if secret in told], "a token's secret was told"


FINALLY: tuple[Callable[[Seen], None], ...] = (
    every_operation_has_ended,
    nothing_is_lost,
    nothing_is_left_of_what_has_left,
    every_copy_is_wanted,
    what_was_recorded_is_on_the_audit,
    routers_know_what_serving_knows,
    serving_says_how_it_is,
    alarms_are_of_schedules,
    no_storm,
    nothing_is_said_of_secrets,
    rest_is_rest,
)


def _models(seen: Seen) -> list[Document]:
    return [row for (context, _, sk), row in seen.documents.items() if context == "serving" and sk == "MODEL"]


def _broken(seen: Seen, task_id: str) -> bool:
    task = seen.fabric.ecs.tasks.get(task_id)
    return task is None or bool(task.broken or task.fate)


def _provider_of(model: Document) -> Document:
    known = {"api_base": None, "region": None, "secret": None} | model["spec"]["provider"]
    return {name: known.get(name) for name in ("name", "model", "api_base", "region", "secret")}


def _writes(call: str) -> bool:
    service, _, operation = call.partition(".")
    return service in {"dynamodb", "ecs", "scheduler", "events", "sqs", "stepfunctions"} and operation.startswith(
        ("Put", "Delete", "Transact", "Update", "Create", "Register", "Deregister", "Stop", "Start", "Send")
    )
