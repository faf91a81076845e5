"""`make down`: stop everything that `make up` started, and nothing else. State is kept; `--clean` removes it."""

import argparse
import shutil
import sys

from local import daemons
from local.containers.container import kill_orphans
from local.progress import Progress
from local.settings import Settings, SettingsError


def main() -> int:
    """Run; 0 when nothing of ours runs any more."""
    parser = argparse.ArgumentParser(prog="make down")
    parser.add_argument("--clean", action="store_true", help="remove the state as well: models, tokens, everything deployed")
    options = parser.parse_args()
    progress = Progress()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        progress.console.print(str(error), style="red", markup=False)
        return 1
    for program in (daemons.emulator(settings), daemons.containers(settings)):
        with progress.phase(f"Stopping the {program.name}") as phase:
            phase.note("" if program.stop() else "was not running")
    kill_orphans(settings.containers)
    if options.clean:
        with progress.phase("Removing the state"):
            for folder in (settings.state, settings.home / "tmp", settings.logs, settings.run, settings.containers):
                shutil.rmtree(folder, ignore_errors=True)
            settings.env_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
