"""The sweep's part in capacity: what drifted is set right, what nobody uses is put to sleep, what waits for its wake-up is woken."""

from collections import Counter

from kit.clock import Clock, iso
from serving.domain import scaling, traffic
from serving.domain.change import Cause
from serving.domain.model import Model
from serving.ports import Engines, Store, Traffics
from serving.usecases.counting import Counting
from serving.usecases.on_load_observed import ACTOR
from serving.usecases.stop_model import StopModel
from serving.usecases.waking import Waking


class TendCapacity:
    """Looks at one model at a time; where count and load are as they should be, nothing is written and ECS is told nothing."""

    def __init__(
        self, store: Store, traffics: Traffics, engines: Engines, counting: Counting, waking: Waking, stopper: StopModel, clock: Clock
    ) -> None:
        self._store, self._traffics, self._engines = store, traffics, engines
        self._counting, self._waking, self._stopper, self._clock = counting, waking, stopper, clock

    def __call__(self, listed: Model, done: Counter[str]) -> None:
        """`done` counts what was done. A model with an operation under way belongs to that."""
        if traffic.capacity(listed) is None and not listed.asleep:
            return
        model = self._store.model(listed.model_id)
        if model is None or model.deleted:
            return
        if model.asleep:
            done["woken"] += self._waking.waited_for(model.model_id, None)
        bounds = traffic.capacity(model)
        if bounds is None or model.deployment is None:
            return
        if self._follows(model, bounds, done):
            return
        # A count that is as wanted in effect is asked for no further: one that ECS shall yet make another shows in the next sweep.
        if model.running != model.desired and self._engines.desired(model.deployment.service) not in {None, model.desired}:
            self._counting.set(model.model_id)
            done["recounted"] += 1

    def _follows(self, model: Model, bounds: scaling.Capacity, done: Counter[str]) -> bool:
        """Whether time alone has changed what the model shall be."""
        if not bounds.get("idle_minutes") and model.desired == scaling.least(bounds):
            return False  # nothing to take away: not even a look at the traffic is needed
        known = self._traffics.read(model.model_id)
        if traffic.sleeps(model, known, iso(self._clock.now())):
            done["put_to_sleep"] += self._stopper.by_platform(model.model_id, "sleep", ACTOR, None)
            return True
        if known and self._counting.look_again(model.model_id, Cause(ACTOR, model.model_id)) == "rescaled":
            done["rescaled"] += 1
            return True
        return False
