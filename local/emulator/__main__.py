"""`python -m local.emulator`: apply the patches to the pinned emulator and run it until SIGTERM.

Configured by environment variables, set by `local.daemons`: the emulator's own (GATEWAY_PORT, BIND_HOST, AUTH, PERSIST_STATE,
 STATE_DIR, DOCKER_HOST, …) and ours: SLIPWAY_FUNCTION_PYTHON, SLIPWAY_LAYER_CACHE, SLIPWAY_TRACES (a file),
 SLIPWAY_CHECKPOINTS ("off": state reaches the disk at a graceful stop only), SLIPWAY_PATCHES_OFF (names, comma-separated).
"""

import logging
import os
import sys

from local.emulator.patches import apply_patches
from local.emulator.pin import check_version


def main() -> None:
    """Patch and run."""
    check_version()
    off = {name for name in os.environ.get("SLIPWAY_PATCHES_OFF", "").split(",") if name}
    from ministack.app import main as run

    applied = apply_patches(off)
    logging.getLogger("slipway.emulator").info("patches applied: %s", ", ".join(applied))
    sys.argv = sys.argv[:1]
    run()


if __name__ == "__main__":
    main()
