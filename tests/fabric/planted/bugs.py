"""Mistakes as people make them, each planted in the running product by a switch: a name, a sentence, and what it puts in whose place.

    with BUGS["two writes"].planted():
        …

`BUGS` holds all of them. Nothing here changes a file; where the switch ends, the product is as it was.
"""

from dataclasses import replace
from typing import Any

from access.adapters.table import DynamoTokenTable
from kit import commands, ledger, table
from routing.domain import route, weights
from serving.adapters import store
from serving.adapters.engines import EcsControl
from serving.domain import acknowledgement, lifecycle, model, observations, scaling, waits
from serving.domain import commands as rules
from serving.domain.change import TaskChange
from serving.usecases import erase_model
from serving.usecases.delete_model import DeleteModel
from serving.usecases.launch_engine import LaunchEngine
from serving.usecases.list_models import ListModels
from serving.usecases.resumption import Resumption
from serving.usecases.views import visible_model
from tests.fabric.planted.planting import BUGS, Bug, Place, bug
from tests.fabric.platform import Fabric
from usage.usecases.on_fact_announced import OnFactAnnounced

__all__ = ["BUGS", "Bug"]


@bug("two writes", "the row is written first, fact and outbox marker in a second transaction")
def _two_writes() -> list[Place]:
    whole = table.Table.commit

    def commit(self: table.Table, transaction: table.Transaction, token: str | None = None) -> None:
        for late in (False, True):
            part = table.Transaction()
            for item, label in zip(transaction.items, transaction.labels, strict=True):
                if (label in {"ledger", "outbox"}) is late:
                    part._add(label, item)
            whole(self, part, token)

    return [(table.Table, "commit", commit)]


@bug("no condition on the edition", "a row is overwritten whatever has become of it since it was read")
def _unconditional() -> list[Place]:
    def overwrite(self: table.Transaction, label: str, pk: str, sk: str, document: Any, *, when: Any, **plain: Any) -> table.Transaction:
        return self.put(label, pk, sk, document, **plain)

    return [(table.Transaction, "replace", overwrite)]


@bug("lost task token", "the token of a waiting step is not written down")
def _lost_token() -> list[Place]:
    return [(store.TableStore, "_write_waits", lambda *_: None)]


@bug("route before probe", "a new copy gets requests at once, before any router has had an answer from it")
def _route_before_probe() -> list[Place]:
    whole = route._continued

    def continued(before: Any, target: route.Target) -> route.Target:
        found = whole(before, target)
        return replace(found, status="ready") if found.status == "probing" else found

    return [(route, "_continued", continued)]


@bug("double terminal event", "the end of an operation is told twice")
def _told_twice() -> list[Place]:
    whole = lifecycle._ended

    def ended(before: Any, after: Any, operation: Any, end: Any, facts: Any, released: Any) -> Any:
        return whole(before, after, operation, end, [*facts, *facts], released)

    return [(lifecycle, "_ended", ended)]


@bug("late task events count", "an ECS event counts whatever newer one has been seen of the task")
def _late_tasks() -> list[Place]:
    whole = observations.task

    def task(known_model: Any, operation: Any, known: int | None, *rest: Any) -> Any:
        found = whole(known_model, operation, None, *rest)
        return replace(found, task=TaskChange(known, found.task.observation)) if found and found.task else found

    return [(observations, "task", task)]


@bug("late news counts", "routing acts on whatever event comes, not on the newest fact")
def _edge_triggered() -> list[Place]:
    return [(route.Known, "is_history", lambda *_: False)]


@bug("nobody follows", "an update counts as carried out before routing has taken it over")
def _not_followed() -> list[Place]:
    return [(waits, "_applied", lambda *_: True)]


@bug("sweep forgets to announce", "what was not announced stays so")
def _never_announced() -> list[Place]:
    return [(ledger.Announcer, "announce_forgotten", lambda *_, **__: 0)]


@bug("settled before drained", "a model counts as stopped while its copies still end")
def _settled_early() -> list[Place]:
    return [(Resumption, "_engines_left", lambda *_: False)]


@bug("copies before route", "copies are told to end while the route still sends them requests")
def _copies_before_route() -> list[Place]:
    return [(waits, "route_is_closed", lambda _: True)]


@bug("service is left", "a deletion scales the service to nothing and leaves it there")
def _service_left() -> list[Place]:
    return [(EcsControl, "remove", EcsControl.stop)]


@bug("generation used again", "a command takes the generation that the last one had")
def _same_generation() -> list[Place]:
    whole = rules._commanded
    return [(rules, "_commanded", lambda known, asked: replace(whole(known, asked), generation=known.generation))]


@bug("tombstone forgets", "an id that is used again begins with generation 1")
def _forgetful_tombstone() -> list[Place]:
    whole = rules.create

    def create(spec: Any, tombstone: model.Model | None, asked: Any) -> Any:
        return whole(spec, tombstone and replace(tombstone, generation=0), asked)

    return [(rules, "create", create)]


@bug("cancel is ignored", "a step that waits does not look whether its operation was cancelled")
def _cancel_ignored() -> list[Place]:
    return [(waits, "_lost", lambda operation: operation.doom)]


@bug("old acknowledgement", "an acknowledgement holds for every generation of the model")
def _old_acknowledgement() -> list[Place]:
    whole = acknowledgement.token
    return [(acknowledgement, "token", lambda model_id, _, changes: whole(model_id, 0, changes))]


@bug("keys of everybody", "an Idempotency-Key is looked up whoever sends it")
def _global_keys() -> list[Place]:
    return [(commands, "_partition", lambda asked: f"COMMAND#{asked.key}")]


@bug("key without its request", "a key that was used for another request is answered all the same")
def _undigested_keys() -> list[Place]:
    whole = commands.CommandLog.answer

    def answer(self: commands.CommandLog, asked: commands.Command) -> Any:
        row = self._table.get(commands._partition(asked), "COMMAND") if asked.key else None
        return whole(self, replace(asked, digest=row.document["digest"]) if row else asked)

    return [(commands.CommandLog, "answer", answer)]


@bug("deletion forgets who asked", "a deletion that met another is not remembered under its key")
def _unremembered() -> list[Place]:
    def under_way(self: Any, caller: Any, model_id: str, command: Any) -> Any:
        known = visible_model(self._store, caller, model_id)
        return None if known.status != "Deleting" else _answer(self, known)

    def _answer(self: Any, known: Any) -> Any:
        from serving.usecases.views import accepted

        return accepted(self._store.operation(known.operation), known.generation)

    return [(DeleteModel, "_under_way", under_way)]


@bug("weak read", "decisions are made on reads that may be old")
def _weak_read() -> list[Place]:
    def get(self: table.Table, pk: str, sk: str) -> Any:
        answer = self._call("get_item", TableName=self.name, Key=table._key(pk, sk))
        return table._row(answer["Item"]) if "Item" in answer else None

    return [(table.Table, "get", get)]


@bug("revoked in passing", "a revocation is answered and not written")
def _unwritten_revocation() -> list[Place]:
    def nothing(*_: Any) -> None:
        """The row stays as it was."""

    return [(DynamoTokenTable, "revoke", nothing)]


@bug("facts out of order", "facts of one change are numbered from the wrong end")
def _misnumbered() -> list[Place]:
    whole = ledger.record

    def record(transaction: Any, pk: str, revision: int, *rest: Any) -> None:
        whole(transaction, pk, revision + 1, *rest)

    return [(ledger, "record", record)]


@bug("ECS before ownership", "the service is made before it is written down whose it is")
def _unowned() -> list[Place]:
    whole = LaunchEngine.__call__

    def launch(self: Any, order: Any) -> Any:
        from serving.domain.naming import service_name

        known = self._store.model(order.model_id)
        self._engines.launch(service_name(self._environment, known.model_id, known.version, known.generation), known)
        return whole(self, order)

    return [(LaunchEngine, "__call__", launch)]


@bug("a list for everybody", "the list of models leaves out to ask whose they are")
def _open_list() -> list[Place]:
    whole = ListModels.__call__

    def everything(self: Any, caller: Any, *rest: Any) -> Any:
        return whole(self, replace(caller, scopes=("admin",)), *rest)

    return [(ListModels, "__call__", everything)]


@bug("beyond the bounds", "the load may ask for more copies than the wish allows")
def _unbounded() -> list[Place]:
    whole = scaling._rise

    def rise(reading: Any, desired: int, most: int, *rest: Any, **more: Any) -> Any:
        return whole(reading, desired, most + 100, *rest, **more)

    return [(scaling, "_rise", rise)]


@bug("alarm is left", "a deleted model's schedule goes on ringing")
def _alarm_left() -> list[Place]:
    return [(erase_model, "forget", lambda *_, **__: None)]


@bug("gone before its service", "a model's row is erased before its service is removed")
def _no_finaliser() -> list[Place]:
    whole = erase_model.EraseModel.__call__

    def erase(self: Any, order: Any) -> Any:
        known = self._store.model(order.model_id)
        engines, self._engines = self._engines, type("Nobody", (), {"remove": lambda *_: None})()
        try:
            return whole(self, order)
        finally:
            self._engines = engines
            for one in known.deployments:
                engines.remove(one.service)

    return [(erase_model.EraseModel, "__call__", erase)]


@bug("audit by halves", "the audit takes over what went well and nothing else")
def _partial_audit() -> list[Place]:
    whole = OnFactAnnounced.__call__

    def told(self: Any, envelope: Any) -> bool:
        return envelope.event_type != "ModelDeletionRequested" and bool(whole(self, envelope))

    return [(OnFactAnnounced, "__call__", told)]


@bug("draining copies keep their share", "a copy that lets go of its requests is still sent some")
def _shares_kept() -> list[Place]:
    whole = weights.weighed
    return [(route, "weighed", lambda targets: tuple(replace(one, weight=one.weight or 1) for one in whole(targets)))]


@bug("shares go with the copies", "new copies, or a third party's next start, forget how the traffic was to be shared")
def _shares_forgotten() -> list[Place]:
    whole = route._lived_on

    def lived_on(known: route.Known) -> route.Route | None:
        found = whole(known)
        return found and replace(found, versions=())

    return [(route, "_lived_on", lived_on)]


_ = Fabric  # composes every context's functions: their modules must be there before anything in them is replaced
