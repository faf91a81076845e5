"""`python -m local.containers`: run the process containers until SIGTERM, then stop every container with a grace period."""

import logging
import signal
import threading
from types import FrameType

from local.containers.api import Engine, serve
from local.containers.container import kill_orphans
from local.images import catalogue
from local.settings import Settings

GRACE_SECONDS = 10.0


def main() -> None:
    """Serve on SLIPWAY_CONTAINERS_PORT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.from_environment()
    orphans = kill_orphans(settings.containers)
    engine = Engine(settings, catalogue(settings))
    server = serve(settings, engine)
    logging.info("process containers on 127.0.0.1:%d, %d left over from before ended", settings.containers_port, orphans)

    def shut_down(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, shut_down)
    signal.signal(signal.SIGINT, shut_down)
    server.serve_forever(poll_interval=0.1)
    engine.stop_all(GRACE_SECONDS)


if __name__ == "__main__":
    main()
