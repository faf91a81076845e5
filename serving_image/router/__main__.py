"""`python -m router`."""

import asyncio
import sys

import uvloop

from router.addresses import Guard
from router.log import Log
from router.providers import prepare_litellm
from router.settings import Settings, SettingsInvalid


def main() -> int:
    """Run the router; the exit status: 0 after a drain, 64 for settings that cannot be used."""
    log = Log(service="router")
    try:
        settings = Settings.from_environment()
    except SettingsInvalid as error:
        log.write("ERROR", "settings cannot be used", reason=str(error))
        return 64
    prepare_litellm(Guard(settings.api_base_allow_list))
    from router.choosing.memory import LiteLLMCooldowns
    from router.server import serve

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, LiteLLMCooldowns(), log))
    return 0


if __name__ == "__main__":
    sys.exit(main())
