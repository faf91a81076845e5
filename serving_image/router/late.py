"""LiteLLM, loaded once a table names a third party: half of the memory and most of the time to start of a router, which has no use for it
while all of its models are its own.

It is loaded in a thread. A router that starts with such a model is ready when that is done; one that hears of its first later answers
everything else meanwhile, more slowly for these few seconds (the interpreter runs one thread at a time), once in its life.
"""

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Collection, Mapping

from router.choosing.memory import Cooldowns, PlainCooldowns
from router.log import Log
from router.routes import Prepared


async def _in_thread(load: Callable[[], Cooldowns]) -> Cooldowns:
    """What it answers, from a thread for which nobody waits who stops meanwhile."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Cooldowns] = loop.create_future()

    def tell(found: Cooldowns | None, error: Exception | None) -> None:
        if not done.done():
            done.set_exception(error) if found is None and error is not None else done.set_result(found or PlainCooldowns())

    def run() -> None:
        found: Cooldowns | None = None
        failed: Exception | None = None
        try:
            found = load()
        except Exception as error:  # noqa: BLE001 - whoever waits hears it
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed by now
            loop.call_soon_threadsafe(tell, found, failed)

    threading.Thread(target=run, name="litellm", daemon=True).start()
    return await done


class Late:
    """Loads, at most once, what `load` loads and answers: the memory that is used from then on. It is that memory (`Cooldowns`) itself."""

    def __init__(self, load: Callable[[], Cooldowns], log: Log) -> None:
        self._load, self._log = load, log
        self._memory: Cooldowns = PlainCooldowns()
        self._loading: asyncio.Task[None] | None = None

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Begin to load if one of these models is a third party's."""
        if self._loading is None and any(prepared.route.provider is not None for prepared in routes.values()):
            self._begin()

    @property
    def settled(self) -> bool:
        """Whether nothing is being loaded now."""
        return self._loading is None or self._loading.done()

    async def loaded(self) -> None:
        """Wait until it is loaded. Raises what loading raised; the next who waits tries again."""
        loading = self._loading
        if loading is None or (loading.done() and (loading.cancelled() or loading.exception() is not None)):
            loading = self._begin()
        if not loading.done():
            await asyncio.shield(loading)
        loading.result()

    def _begin(self) -> asyncio.Task[None]:
        self._loading = asyncio.create_task(self._work())
        self._loading.add_done_callback(self._tell)
        return self._loading

    async def _work(self) -> None:
        self._memory = await _in_thread(self._load)
        gc.freeze()  # it stays for good

    def _tell(self, loading: "asyncio.Task[None]") -> None:
        error = None if loading.cancelled() else loading.exception()
        if error is not None:
            self._log.write("ERROR", "models of third parties cannot be asked: LiteLLM was not loaded", error=type(error).__name__)

    # The memory (`Cooldowns`).

    def eject(self, key: str, seconds: float) -> None:
        """See `Cooldowns`."""
        self._memory.eject(key, seconds)

    def restore(self, key: str) -> None:
        """See `Cooldowns`."""
        self._memory.restore(key)

    def cooling(self) -> Collection[str]:
        """See `Cooldowns`."""
        return self._memory.cooling()

    def keep(self, keys: Collection[str]) -> None:
        """See `Cooldowns`."""
        self._memory.keep(keys)
