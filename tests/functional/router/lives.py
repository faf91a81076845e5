"""A program that is a router again and again: each line on standard input begins a life, in a process of its own that may be killed.

What takes long to start is imported once. LiteLLM is not: nobody asks third parties here.
"""

import asyncio
import json
import os
import sys

import uvloop

from router.choosing.memory import PlainCooldowns
from router.late import Late
from router.log import Log
from router.server import serve
from router.settings import Settings


def live() -> None:
    """One life, to its end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        log = Log(service="router")
        runner.run(serve(Settings.from_environment(), Late(PlainCooldowns, log), log))
        log.close()


def main() -> None:
    """Live as often as one is told to; tell of each life its process, and how it ended."""
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            live()
            os._exit(0)
        _tell(message="life", process=child)
        _, status = os.waitpid(child, 0)
        _tell(message="death", process=child, status=os.waitstatus_to_exitcode(status))


def _tell(**fields: str | int) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
