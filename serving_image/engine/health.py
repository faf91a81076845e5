"""The container's own health check: `python -m engine.health` exits 0 while the supervisor lives, whatever the engine does.

Loading counts as healthy: orchestrators give up on a container after a few minutes, large models take longer, and the supervisor
ends the container by itself, with the cause in its exit status, when the engine fails. Standard library only, so that it is quick.
"""

import http.client
import os
import sys

from contracts.engine import ENGINE_PORT, Variable

_TIMEOUT_SECONDS = 4
_OK = 200


def main() -> int:
    """Ask the supervisor; 0 where it answers."""
    host = os.environ.get(Variable.LISTEN_HOST) or "127.0.0.1"
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - the address to ask when it listens on all
    port = int(os.environ.get(Variable.LISTEN_PORT) or ENGINE_PORT)
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/live")
        return 0 if connection.getresponse().status == _OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
