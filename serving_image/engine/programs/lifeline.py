"""How a program of ours is tied to its supervisor: told what to do on standard input, and ended when that input ends."""

import json
import os
import sys
import threading
from typing import Any


def read_configuration() -> dict[str, Any]:
    """Read the configuration, one line of JSON on standard input, then end this process as soon as the input ends.

    The input ends when the supervisor is gone, however it went; nothing else would tell, and an engine without its supervisor
    would keep memory and port for ever.
    """
    configuration: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    return configuration


def say(text: str) -> None:
    """Tell the supervisor something, by a line that `engine.adapters.programs` reads.

    The line break comes first as well: an engine's own threads write their log in pieces, and half a line may stand there already.
    One write, because `print` makes two on an unbuffered stream, and those threads write between them.
    """
    os.write(sys.stdout.fileno(), f"\nslipway-engine: {text}\n".encode())


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)
