"""What holds always, whatever happens: at every write, and after every step. What holds at rest is in `rest`.

Each is one function whose first line is its sentence, after the number that it bears in the list of eighteen: 1 validated versions only,
2 one end, 3 nothing left behind, 4 numbers rise, 5 ledger and audit, 6 the routers' table, 7 in service means served, 8 capacity before
route, 9 shares, 10 one operation, 11 keys, 12 confluence, 13 static stability, 14 groups, 15 nothing lost, 16 tokens, 17 few writes, 18
GPUs. Those of `ALWAYS` are asked of every row of their kind at the moment at which it is written, those of `STEPS` (`steps`) after every
step. They know rows, facts, answers and what the fakes of AWS show. 11, 13, 14 and the door's part of 16 are asked where the answer comes
(`people`, `machine`).
"""

from tests.fabric.model.seen import ENDS, LEAVING, Change, Check, Seen, age

WHOLE = 10_000
"""All of a route's traffic."""
COPIES_ARE_GIVEN_UP_AFTER = 600.0
"""Seconds after which a model leaves service although copies have not ended (statemachines: StopEngines)."""


# ── always, at every write ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def only_validated_versions_take_requests(seen: Seen, change: Change) -> None:
    """1: no target of a version whose artefact has not been validated gets a share of the traffic."""
    for target in (change.after or {}).get("targets", ()):
        if target["weight"] and target["kind"] == "engine":
            version = seen.row("registry", f"MODEL#{change.sk.partition('#')[2]}", f"VERSION#{target['version']}")
            assert version, f"{change.sk} sends requests to {target['version']}, which the registry does not know"
            assert version["status"] == "validated", f"{change.sk} sends requests to {target['version']}, which is {version['status']}"


def an_end_is_for_ever(seen: Seen, change: Change) -> None:
    """2: an operation that has ended never changes any more."""
    if change.before and change.before["ended_at"]:
        assert change.after == change.before, f"operation {change.name} had ended as {change.before['status']}"


def an_end_is_told_once(seen: Seen, change: Change) -> None:
    """2: at most one fact tells of an operation's end, and only of one that has ended."""
    if change.after and change.after["event_type"] in ENDS:
        operation_id = change.after["data"]["operation_id"]
        assert seen.ends[operation_id] == 1, f"{change.after['event_type']} of {operation_id} is told the {seen.ends[operation_id]}nd time"
        operation = seen.operation(operation_id)
        assert (operation or {}).get("ended_at"), f"{change.after['event_type']} of {operation_id}, which has not ended"


def what_has_left_runs_nothing(seen: Seen, change: Change) -> None:
    """3: a model that is written down as stopped or deleted has no copy left; a deleted one has no service and no alarm either.

    Copies that have not ended in time are left to end by themselves, and so are those of which ECS has told nothing before they were told
    to end: they were in no route, so nothing of anybody's is on them.
    """
    before, after = change.before, change.after
    if not before or not after or before["status"] not in LEAVING or not (after["status"] == "Stopped" or after["deleted"]):
        return
    operation = seen.operation(before["operation"])
    patient = operation is not None and age(seen, operation) < COPIES_ARE_GIVEN_UP_AFTER
    ending = [one for one in seen.left(change.name) if seen.row("serving", change.pk, f"TASK#{one}")]
    left = [*seen.living(change.name), *(ending if patient else ())]
    assert not left, f"{change.name} is {'deleted' if after['deleted'] else 'Stopped'}, and copies {left} are there"
    if after["deleted"]:
        services = [one.name for one in seen.fabric.ecs.services.values() if one.status == "ACTIVE"]
        mine = [name for name in services if seen.services.get(name, ("",))[0] == change.name]
        assert not mine, f"{change.name} is deleted, and ECS keeps {mine}"
        alarms = [name for kept in seen.fabric.schedules.alarms.values() for name in kept if name.rstrip(".") == change.name]
        assert not alarms, f"{change.name} is deleted, and its alarm is set"


def numbers_only_rise(seen: Seen, change: Change) -> None:
    """4: generation, revision and edition of a model never fall, also where its id is used again; each write is the next edition."""
    before, after = change.before, change.after
    assert after is not None, f"the row of {change.name} is gone, and its numbers with it"
    if before is None:
        return
    for name in ("generation", "revision", "life", "served_from"):
        assert after[name] >= before[name], f"{name} of {change.name} falls from {before[name]} to {after[name]}"
    assert after["edition"] == before["edition"] + 1, f"edition of {change.name} goes from {before['edition']} to {after['edition']}"
    if after["spec"] != before["spec"] and not after["deleted"]:
        assert after["generation"] > before["generation"], f"the wish for {change.name} changes within generation {after['generation']}"


def a_new_command_is_a_new_generation(seen: Seen, change: Change) -> None:
    """4: no two operations that change what is wanted of a model bear the same generation."""
    after = change.after
    if change.before is None and after and not after["ended_at"]:
        model = seen.documents.get(("serving", f"MODEL#{after['model_id']}", "MODEL"))
        old = next((one.before for one in seen.of("serving MODEL")), None)
        assert after["generation"] == (model or after)["generation"], f"{change.name} is of generation {after['generation']}"
        assert old is None or after["generation"] > old["generation"], f"{change.name} takes generation {after['generation']} again"


def a_version_is_never_another(seen: Seen, change: Change) -> None:
    """4: what was validated as a version stays that content and stays validated."""
    if change.before and change.before["status"] == "validated":
        assert change.after, f"version {change.sk} of {change.name} is gone"
        for name in ("manifest_sha256", "status"):
            assert change.after[name] == change.before[name], f"{name} of {change.name} {change.sk} changes"


def a_service_belongs_to_one_generation(seen: Seen, change: Change) -> None:
    """4 and 3: the name of an ECS service is of one model and generation for ever, and is written down before there is such a service."""
    if change.before is None:
        assert change.name not in seen.fabric.ecs.services, f"ECS had {change.name} before it was written down whose it is"
    if change.before and change.after:
        assert change.after == change.before, f"service {change.name} was {change.before} and is {change.after}"


def the_ledger_only_grows(seen: Seen, change: Change) -> None:
    """5: a recorded fact is never changed or taken away, and each feed counts without gaps."""
    context = change.kind.partition(" ")[0]
    assert change.before is None, f"the fact {change.pk} {change.sk} was recorded before"
    assert change.after, f"the fact {change.pk} {change.sk} is taken away"
    number = int(change.sk.partition("#")[2])
    newest = seen.revisions.get((context, change.pk), 0)
    assert number == newest + 1 == change.after["revision"], f"{change.pk}: fact {number} comes after {newest}"
    seen.revisions[context, change.pk] = number


def a_fact_is_written_with_what_it_tells(seen: Seen, change: Change) -> None:
    """5: fact, marker of the outbox and the row that it is about are one transaction; the row counts the same revision."""
    after = change.after or {}
    context = change.kind.partition(" ")[0]
    markers = [one.sk for one in seen.of(f"{context} OUTBOX") if one.after]
    assert after["metadata"]["id"] in markers, f"{after['event_type']} of {change.pk} is recorded without a marker to announce it by"
    heads = seen.of("serving MODEL") if context == "serving" else seen.of(f"{context} HEAD")
    last = max(int(one.sk.partition("#")[2]) for one in seen.of(change.kind) if one.pk == change.pk)
    counted = [int(one.attributes["revision"]) for one in heads if one.pk == change.pk]
    assert counted == [last], f"{after['event_type']} of {change.pk} is fact {last}, and the row counts {counted}"


def an_answer_is_kept_with_its_command(seen: Seen, change: Change) -> None:
    """5 and 11: what is remembered under an Idempotency-Key was carried out in the same transaction."""
    if change.after is None or "answer" not in change.after or "body" not in change.after["answer"]:
        return
    operation_id = change.after["answer"]["body"]["operation_id"]
    assert seen.operation(operation_id), f"an answer speaks of operation {operation_id}, of which there is no row"


def the_route_table_moves_forward(seen: Seen, change: Change) -> None:
    """6: the revision of a table that routers follow rises with every change of it, by one."""
    after = int(change.attributes["revision"])
    context = change.kind.partition(" ")[0]
    facts = len(seen.of(f"{context} LEDGER"))
    assert facts == 1, f"the head of {context} moves to {after} with {facts} facts"


def a_route_follows_the_newest(seen: Seen, change: Change) -> None:
    """6 and 12: as long as a model has a route, nothing older than what it follows is written into it."""
    if change.before is None or change.after is None:
        return
    before, after = change.before["generation"], change.after["generation"]
    assert after >= before, f"the route of {change.name} goes back from generation {before} to {after}"


def in_service_means_served(seen: Seen, change: Change) -> None:
    """7: a model comes into service only with its present wish observed, and after a router has had an answer from a copy of it."""
    before, after = change.before, change.after
    if not after:
        return
    assert after["observed_generation"] <= after["generation"], f"{change.name} has observed what nobody wished"
    if after["status"] != "InService" or (before and before["status"] == "InService"):
        return
    succeeded = [one.after for one in seen.of("serving OPERATION") if one.after and one.after["status"] == "Succeeded"]
    if succeeded and not succeeded[0]["relapse"]:
        known = (after["route"] or {}).get("generation", 0)
        assert known >= after["generation"], f"{change.name} is in service at {after['generation']}, and its route is of {known}"
    assert after["observed_generation"] == after["generation"], f"{change.name} is in service with {after['observed_generation']} observed"
    seen.hear()
    answered = [target for target, (model_id, _, _) in seen.ready.items() if model_id == change.name]
    if after["spec"]["hosting"] == "hosted":
        wanted = after["deployments"][-1]["service"] if after["deployments"] else ""
        tasks = seen.fabric.ecs.tasks
        answered = [target for target in answered if target in tasks and tasks[target].service == wanted]
    assert answered, f"{change.name} is in service, and no router has had an answer from {after['deployments'] or 'the third party'}"


def a_target_is_ready_after_it_answered(seen: Seen, change: Change) -> None:
    """8: a target gets a share of the traffic only once a router has had a real answer from it."""
    old = {target["target_id"]: target for target in (change.before or {}).get("targets", ())}
    for target in (change.after or {}).get("targets", ()):
        known = old.get(target["target_id"])
        if target["status"] != "ready" or (known and known["status"] == "ready"):
            continue
        seen.hear()
        assert target["target_id"] in seen.ready, f"{change.sk} calls {target['target_id']} ready, which nobody has probed"
        model_id, _, _ = seen.ready[target["target_id"]] if target["kind"] == "engine" else (change.sk.partition("#")[2], 0, 0.0)
        assert model_id == change.sk.partition("#")[2], f"{change.sk} calls {target['target_id']} ready, which is a copy of {model_id}"


def a_draining_target_stays_so(seen: Seen, change: Change) -> None:
    """8: a copy that was told to let go of its requests never gets new ones."""
    drained = {
        one["target_id"] for one in (change.before or {}).get("targets", ()) if one["status"] == "draining" and one["kind"] == "engine"
    }
    back = [
        one["target_id"] for one in (change.after or {}).get("targets", ()) if one["target_id"] in drained and one["status"] != "draining"
    ]
    assert not back, f"{change.sk}: {back} come back"


def shares_make_a_whole(seen: Seen, change: Change) -> None:
    """9: the shares of a route's ready targets make a whole, all others have none; a closed or sleeping route has nobody who is ready.
    So do the shares of versions, where somebody has set them."""
    route = change.after
    if not route:
        return
    ready = [target for target in route["targets"] if target["status"] == "ready"]
    shares = sum(target["weight"] for target in route["targets"])
    assert shares == (WHOLE if ready else 0), f"{change.sk}: the shares of {len(ready)} make {shares}"
    assert all(target["weight"] > 0 for target in ready), f"{change.sk}: one that is ready gets nothing"
    versions = sum(share["weight"] for share in route["versions"])
    assert versions == (WHOLE if route["versions"] else 0), f"{change.sk}: {route['versions']}"
    assert (route["state"] == "open") == bool(ready), f"{change.sk} is {route['state']} with {len(ready)} that are ready"


def a_share_is_of_what_answers(seen: Seen, change: Change) -> None:
    """9: a version gets a part of the traffic only where a copy of it answers, or soon will, when that is said."""
    before, after = change.before or {"versions": []}, change.after
    if not after or after["versions"] == before["versions"]:
        return
    live = {target["version"] for target in after["targets"] if target["status"] != "draining"}
    nobodys = [share["version"] for share in after["versions"] if share["weight"] and share["version"] not in live]
    assert not nobodys, f"{change.sk} gives traffic to {nobodys}, of which there is no target"


def one_operation_decides(seen: Seen, change: Change) -> None:
    """10: at most one operation of a model is under way, and it is the one that the model's row names."""
    model_id = str((change.after or change.before or {})["model_id"])
    model, active = seen.model(model_id), seen.active[model_id]
    named = {model["operation"]} - {None} if model and not model["deleted"] else set()
    assert len(active) <= 1, f"{model_id} has operations {sorted(active)} under way"
    assert active == named, f"{model_id} names {sorted(named)}, and under way are {sorted(active)}"


def a_task_is_never_younger_than_it_was(seen: Seen, change: Change) -> None:
    """10: what came late about an ECS task never takes the place of what is known of it."""
    if change.before and change.after:
        assert change.after["version"] > change.before["version"], f"{change.sk}: {change.before['version']} → {change.after['version']}"


def copies_stay_within_their_bounds(seen: Seen, change: Change) -> None:
    """18: the count of copies that the load asks for lies between the wish's bounds."""
    after = change.after
    if after and after["scaled_to"] is not None and after["status"] == "InService":
        capacity = after["spec"]["capacity"]
        held = max(capacity["min"], 1) <= after["scaled_to"] <= capacity["max"]
        assert held, f"{change.name} is scaled to {after['scaled_to']}, beyond {capacity['min']} to {capacity['max']}"


def secrets_stay_secret(seen: Seen, change: Change) -> None:
    """16: the secret part of a token stands in no row, and so in no event that is announced from one."""
    if seen.secrets:
        text = f"{change.after}{change.attributes}"
        assert not [secret for secret in seen.secrets if secret in text], f"{change.kind} {change.sk} holds the secret of a token"


_ROUTE: tuple[Check, ...] = (
    a_route_follows_the_newest,
    only_validated_versions_take_requests,
    a_target_is_ready_after_it_answered,
    a_draining_target_stays_so,
    shares_make_a_whole,
    a_share_is_of_what_answers,
)
_FACT: tuple[Check, ...] = (the_ledger_only_grows, a_fact_is_written_with_what_it_tells, secrets_stay_secret)
ALWAYS: dict[str, list[Check]] = {
    "serving MODEL": [
        numbers_only_rise,
        what_has_left_runs_nothing,
        in_service_means_served,
        one_operation_decides,
        copies_stay_within_their_bounds,
    ],
    "serving OPERATION": [an_end_is_for_ever, a_new_command_is_a_new_generation, one_operation_decides],
    "serving LEDGER": [*_FACT, an_end_is_told_once],
    "serving SERVICE": [a_service_belongs_to_one_generation],
    "serving TASK": [a_task_is_never_younger_than_it_was],
    "serving COMMAND": [an_answer_is_kept_with_its_command],
    "routing LEDGER": list(_FACT),
    "routing HEAD": [the_route_table_moves_forward],
    "routing ROUTE": list(_ROUTE),
    "access LEDGER": list(_FACT),
    "access HEAD": [the_route_table_moves_forward],
    "access COMMAND": [secrets_stay_secret],
    "access TOKEN": [secrets_stay_secret],
    "registry LEDGER": list(_FACT),
    "registry VERSION": [a_version_is_never_another],
    "usage AUDIT": [secrets_stay_secret],
}
