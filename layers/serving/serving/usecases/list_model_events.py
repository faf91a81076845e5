"""Show a model's timeline."""

from typing import Any

from kit.caller import Caller
from kit.errors import NotFound
from kit.paging import seal, unseal
from serving.domain.model import Model
from serving.ports import LedgerEntry, Store
from serving.usecases import views


class ListModelEvents:
    """Who did what, before and after, from the ledger. It outlives the model; earlier lives of its id are for administrators."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, caller: Caller, model_id: str, order: str, limit: int, next_token: str | None) -> dict[str, Any]:
        """`{"items", "next_token"}`; NotFound."""
        model = self._store.model(model_id)
        if model is None or not caller.may_see(model_id, model.allowed_groups):
            raise NotFound("model-not-found", f"there is no model {model_id}")
        question = {"list": "events", "model_id": model_id, "order": order}
        forward, after = order == "asc", unseal(next_token, question, r"\d{1,12}")
        start = int(after) if after is not None else self._before_first(caller, model, forward=forward)
        rows = self._store.ledger(model_id, after=start, limit=limit + 1, forward=forward)
        rows = [row for row in rows if caller.is_admin or row.revision >= model.life]
        return {"items": [views.timeline_entry(row) for row in rows[:limit]], "next_token": self._more(rows, limit, question)}

    def _before_first(self, caller: Caller, model: Model, *, forward: bool) -> int | None:
        return model.life - 1 if forward and not caller.is_admin and model.life > 1 else None

    def _more(self, rows: list[LedgerEntry], limit: int, question: dict[str, str]) -> str | None:
        return seal(str(rows[limit - 1].revision), question) if len(rows) > limit else None
