"""Somebody shares a model's traffic by its versions."""

from typing import Any

from kit.caller import Caller, Command
from kit.envelope import Cause
from kit.errors import Conflict, InvalidRequest, StaleGeneration, Violation
from kit.patience import Patience
from routing.domain.route import Route, Shares, share, unserved
from routing.ports import TrafficTable
from routing.usecases._traffic import route_for, shown


class SetTraffic:
    """Routers share so within a second of the answer."""

    def __init__(self, table: TrafficTable, patience: Patience) -> None:
        self._table, self._patience = table, patience

    def __call__(
        self, caller: Caller, model_id: str, versions: Shares, generation: int | None, command: Command, request_id: str
    ) -> dict[str, Any]:
        """The traffic as it is then; `NotFound`, `StaleGeneration`, `Conflict`, `InvalidRequest` for a version that nothing serves."""

        def attempt() -> dict[str, Any]:
            answered = self._table.answer(command)
            if answered is not None:
                return answered
            snapshot = self._table.read(model_id)
            route = route_for(caller, model_id, snapshot.known)
            _check(route, versions, generation)
            change = share(route, versions, snapshot.revision + 1)
            answer = shown(change.route or route)
            self._table.obey(snapshot, change, Cause(caller.subject, request_id), command, answer)
            return answer

        return self._patience.persist(attempt)


def _check(route: Route, versions: Shares, generation: int | None) -> None:
    if generation is not None and generation != route.shared_at:
        raise StaleGeneration("generation-stale", f"the traffic is at generation {route.shared_at}", "Read it again, and decide anew.")
    if route.deleting:
        raise Conflict("traffic-not-possible", f"the model {route.model_id} is being deleted", "Use another model.")
    violations = [
        Violation(f"versions[{place}].version", "version-not-served", f"no target of {versions[place][0]} answers, or soon will")
        for place in unserved(route, versions)
    ]
    if violations:
        raise InvalidRequest("validation-failed", f"{len(violations)} field(s) are not acceptable", violations=violations)
