"""`make tail`: follow the bus, one readable line an event, until Ctrl-C."""

import signal
import sys

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local import cloud
from local.follow import Subscription, interrupt_once, remove_abandoned, render
from local.settings import Settings, SettingsError


def main() -> int:
    """Run until interrupted."""
    console = Console(highlight=False, soft_wrap=True)
    interrupt_once(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # what we subscribed to is given back on the way out
    try:
        settings = Settings.from_environment()
        stack = cloud.outputs(settings)
        if not stack:
            console.print("Nothing is deployed here: run `make up` first.", style="red")
            return 1
        remove_abandoned(settings, stack["BusName"])
        with Subscription(settings, stack["BusName"], "tail") as subscription:
            console.print(f"Following {stack['BusName']}; Ctrl-C ends it.", style="dim")
            while True:
                for said in subscription.events(wait_seconds=10):
                    console.print(render(said, subscription.causes))
    except KeyboardInterrupt:
        return 0
    except (SettingsError, ClientError, BotoCoreError) as error:
        console.print(f"The bus cannot be followed: {error}\n`make status` shows what runs.", style="red", markup=False)
        return 1


if __name__ == "__main__":
    sys.exit(main())
