"""`python -m router`."""

import asyncio
import sys

import uvloop

from router.addresses import Guard
from router.choosing.memory import Cooldowns, LiteLLMCooldowns
from router.late import Late
from router.log import Log
from router.providers import disinherit, prepare_litellm
from router.server import serve
from router.settings import Settings, SettingsInvalid


def main() -> int:
    """Run the router; the exit status: 0 after a drain, 64 for settings that cannot be used."""
    log = Log(service="router")
    try:
        settings = Settings.from_environment()
    except SettingsInvalid as error:
        log.write("ERROR", "settings cannot be used", reason=str(error))
        return 64
    disinherit()

    def load() -> Cooldowns:
        prepare_litellm(Guard(settings.api_base_allow_list))
        return LiteLLMCooldowns()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, Late(load, log), log))
    return 0


if __name__ == "__main__":
    sys.exit(main())
