"""What remembers cooldowns beside us: LiteLLM's Router, behind a port that hides what differs between its versions.

Choosing is ours, for LiteLLM's own choice costs tens of microseconds a request and knows neither versions nor conversations. It is told of
every target that is put out or comes back, and asked only while it has something to say.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, Final, Protocol

_NONE: Final[frozenset[str]] = frozenset()
_LOOK_SECONDS: Final = 0.1


class Cooldowns(Protocol):
    """Remembers which targets cool down."""

    def eject(self, key: str, seconds: float) -> None:
        """This target cools down for so long."""
        ...

    def restore(self, key: str) -> None:
        """It does no longer."""
        ...

    def cooling(self) -> Collection[str]:
        """The keys of the targets that cool down now."""
        ...

    def keep(self, keys: Collection[str]) -> None:
        """Know these targets, and no others."""
        ...


class PlainCooldowns:
    """Nobody beside us: for tests, for routers without models of third parties, and for the day on which LiteLLM has to go."""

    def eject(self, key: str, seconds: float) -> None:
        """See `Cooldowns`."""

    def restore(self, key: str) -> None:
        """See `Cooldowns`."""

    def cooling(self) -> Collection[str]:
        """See `Cooldowns`."""
        return _NONE

    def keep(self, keys: Collection[str]) -> None:
        """See `Cooldowns`."""


class LiteLLMCooldowns:
    """LiteLLM's Router. It carries no bytes and calls nobody; whatever in this process goes through it sees the same cooldowns."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        from litellm import Router

        self._router: Any = Router(model_list=[], num_retries=0, routing_strategy="simple-shuffle")
        self._clock = clock  # LiteLLM's own is the wall's
        self._told: dict[str, float] = {}
        self._cooling: frozenset[str] = _NONE
        self._look_at = 0.0

    def eject(self, key: str, seconds: float) -> None:
        """See `Cooldowns`."""
        self._router.cooldown_cache.add_deployment_to_cooldown(
            model_id=key, original_exception=ConnectionError("target failed"), exception_status=503, cooldown_time=seconds
        )
        self._told[key] = self._clock() + seconds
        self._look_at = 0.0

    def restore(self, key: str) -> None:
        """See `Cooldowns`."""
        if self._told.pop(key, None) is not None:
            cache = self._router.cooldown_cache
            cache.cooldown_store.delete_cache(cache.get_cooldown_cache_key(key))
            self._look_at = 0.0

    def cooling(self) -> Collection[str]:
        """See `Cooldowns`; asked again ten times a second at most."""
        if not self._told:
            return _NONE
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            active = self._router.cooldown_cache.get_active_cooldowns(model_ids=list(self._told), parent_otel_span=None)
            self._cooling = frozenset(key for key, _ in active)
            self._told = {key: until for key, until in self._told.items() if until > now}
        return self._cooling

    def keep(self, keys: Collection[str]) -> None:
        """See `Cooldowns`."""
        for key in [key for key in self._told if key not in keys]:
            self.restore(key)
