"""The number of copies: decided from the load, written, then set in ECS. Who dies in between leaves it to the sweep."""

from dataclasses import replace
from typing import Literal

from kit.clock import Clock, iso
from serving.domain import traffic
from serving.domain.change import Cause
from serving.domain.model import Model
from serving.domain.rescale import rescale
from serving.domain.scaling import Load
from serving.ports import Engines, Store, Traffics
from serving.usecases.anew import decided_anew

Outcome = Literal["nothing", "noted", "rescaled"]
_LOOKS = 3


class Counting:
    """Keeps what routers tell of a model's load and lets the count follow it."""

    def __init__(self, store: Store, traffics: Traffics, engines: Engines, clock: Clock) -> None:
        self._store, self._traffics, self._engines, self._clock = store, traffics, engines, clock

    def hear(self, model_id: str, load: Load, last_request_at: str | None, cause: Cause) -> Outcome:
        """A router has spoken. A message that comes again sets in ECS what it may have died before setting."""
        outcome, again = self._take(model_id, load, last_request_at, cause)
        if outcome == "rescaled" or again:
            self.set(model_id)
        return outcome

    def look_again(self, model_id: str, cause: Cause) -> Outcome:
        """Time has passed and nobody spoke: a cooldown may be over. Nothing is written unless the count changes."""
        if self._judge(model_id, cause):
            self.set(model_id)
            return "rescaled"
        return "nothing"

    def set(self, model_id: str) -> None:
        """Make ECS's count the model's, and look again: who wrote meanwhile may have set theirs before this was set."""
        for _ in range(_LOOKS):
            model = self._store.model(model_id)
            if model is None or model.deployment is None or traffic.capacity(model) is None:
                return
            service, desired = model.deployment.service, model.desired
            self._engines.scale(service, desired)
            if self._still(model_id, service, desired):
                return

    def _still(self, model_id: str, service: str, desired: int) -> bool:
        model = self._store.model(model_id)
        owned = next((one for one in model.deployments if one.service == service), None) if model else None
        if model is None or owned is None or owned.retiring:
            self._engines.stop(service)  # it was told to end, and must not have been brought back
            return True
        return traffic.capacity(model) is None or model.desired == desired

    @decided_anew
    def _take(self, model_id: str, load: Load, last_request_at: str | None, cause: Cause) -> tuple[Outcome, bool]:
        model = self._store.model(model_id)
        if model is None or not traffic.counts(model):
            return "nothing", False
        now = iso(self._clock.now())
        known = (self._traffics.read(model_id) or traffic.unheard(model, now)).of(model, now)
        heard = known.heard(load, last_request_at, now)
        if heard is None:
            return "nothing", known.repeats(load)
        if self._commit(model, heard, cause, now):
            return "rescaled", False
        self._traffics.keep(traffic.judged(model, heard, None, now))
        return "noted", False

    @decided_anew
    def _judge(self, model_id: str, cause: Cause) -> bool:
        model, known = self._store.model(model_id), self._traffics.read(model_id)
        if model is None or known is None or traffic.capacity(model) is None:
            return False
        now = iso(self._clock.now())
        return self._commit(model, replace(known.of(model, now), edition=known.edition + 1), cause, now)

    def _commit(self, model: Model, known: traffic.Traffic, cause: Cause, now: str) -> bool:
        made = traffic.decision(model, known, now)
        if made is None:
            return False
        self._store.commit(rescale(model, made, traffic.judged(model, known, made, now), now), cause)
        return True
