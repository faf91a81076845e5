"""Asynchronous invocations of one function stand in a line: so many run at once, the others wait for their turn.

Stock: a thread for each at once, and a worker process for each that finds none idle. A flood of events then is a flood of cold starts
(112 processes on two cores for 2,500 events), which takes minutes of processor for what a few warm workers do in seconds. AWS has such a
line too; it is let in by what concurrency the account has, which is some hundreds of machines and not one laptop.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from ministack.services import lambda_svc

from local.emulator.pin import rewrite

AT_ONCE = 4
"""Of one function. More warm workers than processors, for most of their time they wait for an answer of ours."""
STARTED = "threading.Thread(target=ctx_snapshot.run, args=(_run,), daemon=True).start()"
SLEPT = "time.sleep(delay)"


def apply() -> None:
    """Put a line before each function; who waits to try again steps aside for so long."""
    lines: defaultdict[str, Line] = defaultdict(Line)

    def invoke(function: str, run: Callable[[], None]) -> None:
        lines[function].add(run)

    lambda_svc._slipway_in_turn = invoke
    lambda_svc._slipway_aside = aside
    queued = '_slipway_in_turn((func.get("config") or func).get("FunctionName", ""), lambda: ctx_snapshot.run(_run))'
    rewrite(lambda_svc, "invoke_async_with_retry", (STARTED, queued), (SLEPT, "_slipway_aside(delay)"))


class Line:
    """Calls that wait for one of a few threads. There is none while nothing waits."""

    _here = threading.local()

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = 0
        self._lock = threading.Lock()

    def add(self, call: Callable[[], None]) -> None:
        """Take a call; it runs in its turn."""
        with self._lock:
            self._waiting.append(call)
            self._fill()

    def _fill(self) -> None:
        while self._waiting and self._running < self._at_once:
            self._running += 1
            threading.Thread(target=self._work, args=(self._waiting.popleft(),), daemon=True).start()

    def _work(self, call: Callable[[], None]) -> None:
        Line._here.line = self
        try:
            call()
        finally:
            with self._lock:
                self._running -= 1
                self._fill()

    def sleep(self, seconds: float) -> None:
        """Sleep, and let another run meanwhile."""
        with self._lock:
            self._running -= 1
            self._fill()
        time.sleep(seconds)
        with self._lock:
            self._running += 1


def aside(seconds: float) -> None:
    """Sleep in a call of some line, in which others go on."""
    Line._here.line.sleep(seconds)
