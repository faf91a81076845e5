"""List the models that the caller may see."""

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from contracts.common import MODEL_ID_PATTERN
from kit.caller import Caller
from kit.clock import Clock
from kit.paging import seal, unseal
from serving.domain.model import Model
from serving.ports import Store
from serving.usecases import views


@dataclass(frozen=True)
class ModelFilter:
    """Which models, in which order of their ids. `tag` is `key` or `key=value`."""

    status: str | None = None
    hosting: str | None = None
    group: str | None = None
    tag: str | None = None
    prefix: str | None = None
    order: str = "asc"

    def admits(self, model: Model) -> bool:
        """Whether the model is asked for (the prefix is the store's business)."""
        key, equals, value = (self.tag or "").partition("=")
        tags = model.spec.get("tags", {})
        return (
            self.status in {None, model.status.value}
            and self.hosting in {None, model.hosting}
            and (self.group is None or self.group in model.allowed_groups)
            and (self.tag is None or (tags.get(key) == value if equals else key in tags))
        )


class ListModels:
    """Pages by model id, through an index that may be a moment behind."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def __call__(self, caller: Caller, wanted: ModelFilter, limit: int, next_token: str | None) -> dict[str, Any]:
        """`{"items", "next_token"}`; a page is short only at the end."""
        question = {"list": "models", **asdict(wanted)}
        after = unseal(next_token, question, MODEL_ID_PATTERN)
        candidates = self._store.models(prefix=wanted.prefix or "", after=after, forward=wanted.order == "asc")
        found = (model for model in candidates if caller.may_see(model.model_id, model.allowed_groups) and wanted.admits(model))
        page = list(islice(found, limit + 1))
        # The token names the last model shown, never one that the caller must not know of.
        more = seal(page[limit - 1].model_id, question) if len(page) > limit else None
        now = self._clock.now()
        return {"items": [views.model(model, now) for model in page[:limit]], "next_token": more}
