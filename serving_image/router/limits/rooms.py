"""A model's places at this router, shared fairly by who asks.

While there is a free place, whoever asks has it. When there is none, who holds a fair share (the places divided by those who hold or wait
for any) is refused at once; who holds less waits a short while, and a place that becomes free goes to whoever of those waiting holds the
fewest, the longest waiting first. So one caller can fill a model while it is alone, and cannot keep others out by asking again faster than
they: refusing alone would not do, as a full room refuses the modest as often as the greedy.
"""

import asyncio
from collections import Counter, deque
from typing import Final

from router.errors import ApiError

_RETRY_SECONDS: Final = 1


class Room:
    """The places of one model. Everything happens on the event loop's thread."""

    __slots__ = ("_held", "_waiting", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def enter(self, tenant: str, places: int) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self.taken >= places or self._waiting:
            return False
        self._take(tenant)
        return True

    async def wait(self, tenant: str, places: int, *, seconds: float, most: int) -> bool:
        """Take a place within so many seconds, if the tenant holds less than its share and at most `most` wait; whether it has one."""
        if self._share_is_used(tenant, places) or sum(map(len, self._waiting.values())) >= most:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            return turn.done() and not turn.cancelled()
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(tenant, places)
            raise
        finally:
            self._forget(tenant, turn)
        return True

    def leave(self, tenant: str, places: int | None) -> None:
        """Give a place back, to whoever is next."""
        self.taken -= 1
        self._held[tenant] -= 1
        if self._held[tenant] <= 0:
            del self._held[tenant]
        while self._waiting and (places is None or self.taken < places):
            following = min(self._waiting, key=self._held.__getitem__)  # the first of those with as few: who came first
            queue = self._waiting[following]
            turn = queue.popleft()
            if queue:
                self._waiting[following] = self._waiting.pop(following)  # its next one waits behind the others
            else:
                del self._waiting[following]
            if not turn.done():
                self._take(following)
                turn.set_result(None)

    def _take(self, tenant: str) -> None:
        self.taken += 1
        self._held[tenant] += 1

    def _share_is_used(self, tenant: str, places: int) -> bool:
        tenants = len(self._held.keys() | self._waiting.keys() | {tenant})
        waiting = self._waiting.get(tenant)
        return self._held[tenant] + (len(waiting) if waiting else 0) >= -(-places // tenants)

    def _forget(self, tenant: str, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(tenant)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[tenant]


def full(places: int) -> ApiError:
    """429: every place is taken, and the caller has its share or has waited."""
    message = f"The model takes at most {places} requests at a time here; try again shortly, or have its limits.max_in_flight raised."
    return ApiError(429, "rate_limit_exceeded", message, param="model", retry_after=_RETRY_SECONDS)
