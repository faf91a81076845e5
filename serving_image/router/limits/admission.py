"""A request that was let in, and what it owes."""

from typing import Any, Final, Protocol

from contracts.inference import COUNT_TOKENS
from router.exchange import Exchange
from router.limits.book import Tariff
from router.limits.caps import capped
from router.limits.purse import Purse
from router.limits.refusals import Headers
from router.limits.rooms import Room
from router.routes import Prepared
from router.statuses import BAD_REQUEST


class Used(Protocol):
    """What an answer used (`telling.usage.Usage`)."""

    @property
    def input_tokens(self) -> int:
        """Tokens in, cached ones included."""
        ...

    @property
    def output_tokens(self) -> int:
        """Tokens out."""
        ...

    @property
    def cached_tokens(self) -> int:
        """Tokens in that were found in a cache."""
        ...


class Admission:
    """What was taken for a request: `tokens` and `usd` (micro-dollars) of each purse, and a place in its model's room.

    Settled once, whatever becomes of the request; settling it again does nothing. `headers` go out with the answer; `cap`: tokens that an
    answer may have at most where the request says nothing, None for no such limit.
    """

    __slots__ = ("_done", "_places", "_purses", "_room", "_tariff", "_tenant", "_usd", "cap", "headers", "tokens")

    def __init__(self, purses: tuple[Purse, ...], tokens: int, usd: int, tariff: Tariff | None, headers: Headers, cap: int | None) -> None:
        self._purses, self.tokens, self._usd, self._tariff = purses, tokens, usd, tariff
        self.headers, self.cap = headers, cap
        self._room: Room | None = None
        self._tenant, self._places = "", 0
        self._done = False

    def in_room(self, room: Room, tenant: str, places: int) -> None:
        """It has a place there."""
        self._room, self._tenant, self._places = room, tenant, places

    def prepare(self, exchange: Exchange, document: dict[str, Any], body: bytes, prepared: Prepared) -> tuple[dict[str, Any], bytes]:
        """The request as it is to be sent on; its answer will bear the headers."""
        if self.headers:
            exchange.extra_headers += self.headers
        if self.cap is None:
            return document, body
        return capped(document, body, self.cap, path=exchange.path, task=prepared.route.task, defaults=prepared.defaults)

    def leave(self, exchange: Exchange) -> None:
        """The request is over, or goes on with another model; settle it by what is known of its answer."""
        if self.headers and exchange.status == 0:  # what comes next says how things stand by then
            exchange.extra_headers = [pair for pair in exchange.extra_headers if pair not in self.headers]
        answered = exchange.asked_at is not None and 0 < exchange.status < BAD_REQUEST
        self.settle(exchange.usage, answered=answered and exchange.path != COUNT_TOKENS)  # counting a prompt uses none of it

    def settle(self, used: Used | None, *, answered: bool) -> None:
        """Put right what was taken by what was `used`. None: what was taken stands if the request was `answered`, and else nothing was
        used; the request itself counts in any case."""
        if self._done:
            return
        self._done = True
        if self._room is not None:
            self._room.leave(self._tenant, self._places)
        if not self._purses:
            return
        tokens, usd = (self.tokens, self._usd) if answered else (0, 0)
        if used is not None:
            tokens = used.input_tokens + used.output_tokens
            if self._tariff is not None:
                usd = self._tariff.cost(used.input_tokens - used.cached_tokens, used.output_tokens, used.cached_tokens)
        more_tokens, more_usd = self.tokens - tokens, self._usd - usd
        for purse in self._purses:
            if purse.places:
                purse.free_r += 1
                continue
            purse.free_t += more_tokens
            purse.free_u += more_usd
            purse.settled_t += tokens
            purse.settled_u += usd
            purse.changed = True


class _Free(Admission):
    """Of a request that nothing limits."""

    __slots__ = ()

    def leave(self, exchange: Exchange) -> None:
        """There is nothing to settle."""

    def settle(self, used: Used | None, *, answered: bool) -> None:
        """There is nothing to settle."""


FREE: Final[Admission] = _Free((), 0, 0, None, [], None)
"""Shared by all requests that nothing limits."""
