"""Threads for what is not a request: calls to AWS, files. They share the interpreter, and often the core, with the event loop."""

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_NICER: Final = 10
SWITCH_SECONDS: Final = 0.0005
"""After which a thread that holds the interpreter gives it to one that waits. Python's 5 ms would be more than whole requests take."""


def workers(count: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads give way to requests.

    A call to AWS is some 1 to 2 ms of processor (reckoned from the threads' whole time). At the loop's own priority the kernel lets it
    finish before it wakes the loop; at a lower one the loop comes first.
    """
    return ThreadPoolExecutor(count, name, initializer=_give_way)


def _give_way() -> None:
    """Linux has a niceness for each thread. Where that is not so, nothing is lost but what it gains."""
    with contextlib.suppress(OSError, AttributeError):
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + _NICER)
