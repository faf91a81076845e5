"""What must be true of a platform at rest, whatever has happened before: every difference is a sentence."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.fabric.delivery.patterns import matches
from tests.fabric.platform import Fabric

ENDS = frozenset({"ModelInService", "ModelStopped", "ModelDeleted", "ModelFailed"})
"""Facts that tell an operation's end."""
BEGINNINGS = frozenset({"ModelRequested", "ModelUpdated", "ModelStopRequested", "ModelDeletionRequested"})
"""Facts that tell of an accepted command."""
_ENDED = frozenset({"Succeeded", "Failed", "Superseded", "Cancelled"})


def differences(fabric: Fabric) -> list[str]:
    """Between rows, ECS, routes, routers and messages."""
    return [*services(fabric), *routes(fabric), *messages(fabric), *announcements(fabric)]


def lost(fabric: Fabric, accepted: Iterable[str]) -> list[str]:
    """Effects that never came: operations without an end, ends without a word, facts that nobody audited, commands not in the ledger."""
    found = []
    begun = {fact["data"].get("operation_id") for fact in fabric.ledger() if fact["event_type"] in BEGINNINGS}
    told = _ends(fabric)
    for operation_id in accepted:
        operation = fabric.operation(operation_id)
        if operation["status"] not in _ENDED:
            found.append(f"{operation_id} is {operation['status']}")
        if operation["status"] == "Succeeded" and operation["goal"] != "update" and not told[operation_id]:
            found.append(f"{operation_id} has succeeded, and nobody was told")
        idle = operation["kind"] == "update" and operation["ended_at"] == operation["created_at"]  # it asked for what was there already
        if operation_id not in begun and not idle:
            found.append(f"{operation_id} was accepted, and is not in the ledger")
    return found + [f"{event_id} was never audited" for event_id in sorted(_due(fabric) - _audited(fabric))]


def doubled(fabric: Fabric, accepted: Iterable[str]) -> list[str]:
    """Effects that came twice: ends told twice, events recorded twice, two operations for one command, two services for one generation."""
    found = [f"{operation_id} was told {times} times" for operation_id, times in _ends(fabric).items() if times > 1]
    ids = Counter(fact["metadata"]["id"] for context in ("serving", "registry", "routing", "access") for fact in fabric.ledger(context))
    found += [f"the fact {event_id} stands in the ledger {times} times" for event_id, times in ids.items() if times > 1]
    known = set(accepted)  # taking back a stop is a start, which supersedes it and is answered as the stop's cancellation
    people = [one for one in _operations(fabric) if one["created_by"].startswith("token:")]
    found += [f"{one['operation_id']} was accepted for nobody" for one in people if not {one["operation_id"], one["supersedes"]} & known]
    wanted = Counter(name for row in _models(fabric) for name in (one["service"] for one in row["deployments"]))
    return found + [f"the service {name} stands in {times} rows" for name, times in wanted.items() if times > 1]


def services(fabric: Fabric) -> Iterator[str]:
    """Where ECS holds other services, or other numbers of copies, than the rows say."""
    live = {name: one.desired for name, one in fabric.ecs.services.items() if one.status == "ACTIVE"}
    rows = {one["service"]: _copies(row) for row in _models(fabric) for one in row["deployments"]}
    for name in sorted(live.keys() | rows.keys()):
        if live.get(name, 0) != rows.get(name, 0):
            yield f"{name}: ECS holds {live.get(name)}, the rows say {rows.get(name)}"


def routes(fabric: Fabric) -> Iterator[str]:
    """Where routes name other targets than run, or routers hold other routes than the table."""
    table = {key[1].removeprefix("ROUTE#"): row for key, row in fabric.rows("routing").items() if key[1].startswith("ROUTE#")}
    serving = {row["model_id"] for row in _models(fabric) if row["status"] == "InService" and not row.get("deleted")}
    for model_id in sorted(serving):
        if model_id not in table or table[model_id]["state"] != "open":
            yield f"{model_id} is in service, and its route is {table.get(model_id, {}).get('state')}"
    for model_id, route in table.items():
        if route["state"] == "open" and model_id not in serving:
            yield f"{model_id} is not in service, and its route is open"
        named = {target["target_id"] for target in route["targets"] if target["kind"] == "engine" and target["status"] == "ready"}
        running = {task.task_id for task in fabric.ecs.tasks.values() if task.last == "RUNNING" and task.desired == "RUNNING"}
        if gone := named - running:
            yield f"{model_id} is routed to {sorted(gone)}, which do not run"
    for router in fabric.routers:
        if {name: route["revision"] for name, route in router.table.items()} != {n: route["revision"] for n, route in table.items()}:
            yield f"{router.router_id} does not hold the table"


def messages(fabric: Fabric) -> Iterator[str]:
    """Messages that are neither handled nor, each in one queue alone, with the dead letters."""
    for thing in fabric.things:
        if thing.kind in {"bus", "queue", "stream", "invocation"} and not thing.background:
            yield f"still on its way: {thing.what}"
    dead = Counter(repr(letter) for letters in fabric.dead_letters().values() for letter in letters)
    yield from (f"a dead letter lies there {times} times: {letter[:200]}" for letter, times in dead.items() if times > 1)


def announcements(fabric: Fabric) -> Iterator[str]:
    """Facts that were recorded and whose markers still stand."""
    for table in ("serving", "routing", "registry", "access"):
        yield from (f"{table} never announced {key[1]}" for key in fabric.rows(table) if key[0].startswith("OUTBOX#"))


def _copies(row: Mapping[str, Any]) -> int:
    """How many copies a model shall have."""
    if row["deleted"] or row["status"] != "InService":
        return 0
    return int(row["spec"]["capacity"]["desired"] if row["scaled_to"] is None else row["scaled_to"])


def _ends(fabric: Fabric) -> Counter[str]:
    return Counter(str(fact["data"].get("operation_id")) for fact in fabric.ledger() if fact["event_type"] in ENDS)


def _due(fabric: Fabric) -> set[str]:
    """Ids of the facts that the audit's rules ask for."""
    rules = [rule for rule in fabric.topology.rules if any(target.name == "UsageOnFactAnnouncedFunction" for target in rule.targets)]
    found = set()
    for context in ("serving", "registry", "access", "routing"):
        for fact in fabric.ledger(context):
            seen = {"source": f"slipway.{fact['metadata']['producer']}", "detail-type": fact["event_type"], "detail": fact}
            if any(matches(rule.pattern, seen) for rule in rules):
                found.add(fact["metadata"]["id"])
    return found


def _audited(fabric: Fabric) -> set[str]:
    return {sk for pk, sk in fabric.rows("usage") if pk.startswith("AUDIT#")}


def _models(fabric: Fabric) -> list[dict[str, Any]]:
    return [row for (pk, sk), row in fabric.rows("serving").items() if pk.startswith("MODEL#") and sk == "MODEL"]


def _operations(fabric: Fabric) -> list[dict[str, Any]]:
    return [row for (pk, _), row in fabric.rows("serving").items() if pk.startswith("OPERATION#")]
