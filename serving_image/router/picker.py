"""Choosing the target of a request. LiteLLM's Router picks and remembers cooldowns, behind a port of ours."""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from router.routes import Prepared, Target

_ERRORS_IN_A_ROW = 3


class Cooldowns(Protocol):
    """Picks among targets that are not cooling down."""

    def choose(self, model_id: str, excluded: Collection[str]) -> str | None:
        """The key of a target of the model, by weight; None if every one is excluded or cooling down."""
        ...

    def eject(self, key: str, seconds: float) -> None:
        """Do not choose this target for so long."""
        ...

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Know these routes' ready targets, and no others."""
        ...


class Picker:
    """What requests ask. The last target standing is used even while it cools down: a doubtful answer beats none."""

    def __init__(self, cooldowns: Cooldowns, cooldown_seconds: float, on_eject: Callable[[str], None] = lambda _model_id: None) -> None:
        self._cooldowns, self._seconds, self._on_eject = cooldowns, cooldown_seconds, on_eject
        self._errors: dict[str, int] = {}

    def pick(self, prepared: Prepared, tried: Collection[str] = ()) -> Target | None:
        """A ready target that was not tried yet, or None."""
        ready = prepared.ready
        if len(ready) == 1:
            return None if ready[0].key in tried else ready[0]
        key = self._cooldowns.choose(prepared.route.model_id, tried)
        for target in ready:
            if target.key == key:
                return target
        return weighted([target for target in ready if target.key not in tried])

    def succeeded(self, target: Target) -> None:
        """The target answered."""
        if self._errors:
            self._errors.pop(target.key, None)

    def failed(self, target: Target, *, at_once: bool) -> None:
        """The target failed: out at once (it cannot be reached, or says that it is unavailable), or after three errors in a row."""
        count = self._errors.get(target.key, 0) + 1
        self._errors[target.key] = count
        if at_once or count >= _ERRORS_IN_A_ROW:
            self._errors.pop(target.key, None)
            self._cooldowns.eject(target.key, self._seconds)
            self._on_eject(target.key.partition("/")[0])

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Follow the route table."""
        self._cooldowns.synchronise(routes)
        known = {target.key for prepared in routes.values() for target in prepared.ready}
        self._errors = {key: count for key, count in self._errors.items() if key in known}


def weighted(targets: Sequence[Target]) -> Target | None:
    """One of the targets, by weight; evenly where no target has any; None for none."""
    if not targets:
        return None
    weights = [target.weight for target in targets]
    return random.choices(targets, weights if any(weights) else None)[0]  # noqa: S311 - spreads load


class PlainCooldowns:
    """Cooldowns without LiteLLM: for tests, and for the day on which LiteLLM has to go."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._routes: Mapping[str, Prepared] = {}
        self._until: dict[str, float] = {}

    def choose(self, model_id: str, excluded: Collection[str]) -> str | None:
        """See `Cooldowns`."""
        now, prepared = self._clock(), self._routes.get(model_id)
        targets = prepared.ready if prepared else ()
        chosen = weighted([target for target in targets if target.key not in excluded and self._until.get(target.key, 0.0) <= now])
        return chosen.key if chosen else None

    def eject(self, key: str, seconds: float) -> None:
        """See `Cooldowns`."""
        self._until[key] = self._clock() + seconds

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """See `Cooldowns`."""
        self._routes = dict(routes)
        known = {target.key for prepared in routes.values() for target in prepared.ready}
        self._until = {key: until for key, until in self._until.items() if key in known}


class LiteLLMCooldowns:
    """LiteLLM's Router as the memory of deployments, weights and cooldowns; it carries no bytes and never calls anybody itself."""

    def __init__(self) -> None:
        from litellm import Router

        self._router: Any = Router(model_list=[], num_retries=0, routing_strategy="simple-shuffle")
        self._known: dict[str, tuple[str, str, int]] = {}

    def choose(self, model_id: str, excluded: Collection[str]) -> str | None:
        """See `Cooldowns`."""
        from litellm.types.router import RouterRateLimitError
        from openai import OpenAIError

        try:
            deployment = self._router.get_available_deployment(model=model_id, request_kwargs={"_excluded_deployment_ids": list(excluded)})
        except (RouterRateLimitError, OpenAIError, ValueError, KeyError, IndexError):  # its ways of saying that none is left
            return None
        key = str(deployment["model_info"]["id"])
        return None if key in excluded else key

    def eject(self, key: str, seconds: float) -> None:
        """See `Cooldowns`."""
        if key in self._known:
            self._router.cooldown_cache.add_deployment_to_cooldown(
                model_id=key, original_exception=ConnectionError("target failed"), exception_status=503, cooldown_time=seconds
            )

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """See `Cooldowns`."""
        from litellm.types.router import Deployment, LiteLLM_Params, ModelInfo

        wanted = {
            target.key: (model_id, target.origin, target.weight)
            for model_id, prepared in routes.items()
            if len(prepared.ready) > 1
            for target in prepared.ready
        }
        for key in [key for key, held in self._known.items() if wanted.get(key) != held]:
            self._router.delete_deployment(id=key)
            del self._known[key]
        for key in wanted.keys() - self._known.keys():
            model_id, origin, weight = wanted[key]
            parameters = LiteLLM_Params(model=f"openai/{model_id}", api_base=f"{origin}/v1", api_key="unused", weight=weight)
            self._router.add_deployment(Deployment(model_name=model_id, litellm_params=parameters, model_info=ModelInfo(id=key)))
            self._known[key] = wanted[key]
