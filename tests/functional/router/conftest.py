"""One router process for the tests of a module, amid its stand-ins."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.router.platform import KEY_ARN, Platform, RouterProcess
from tests.functional.router.stubs import StubAws, StubEngine, StubProvider

PROVIDER_KEY = "sk-provider-canary"


@dataclass
class World:
    """Everything that a test of the running router talks to."""

    aws: StubAws
    platform: Platform
    engine: StubEngine
    provider: StubProvider
    router: RouterProcess
    token: str


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running router with no model yet, and a token of the group `research`. Modules with THIRD_PARTIES have LiteLLM from the start."""
    state: Path = tmp_path_factory.mktemp("state")
    with StubAws() as aws, StubEngine() as engine, StubProvider(PROVIDER_KEY) as provider:
        platform = Platform(aws)
        aws.secrets[KEY_ARN] = PROVIDER_KEY
        platform.route("seed", targets=[])
        if getattr(request.module, "THIRD_PARTIES", False):
            unused = {"name": "openai", "model": "gpt-x", "secret": KEY_ARN}
            platform.route("foreign-seed", hosting="provider", provider=unused, state="closed", targets=[])
        token = platform.token()
        router = RouterProcess(aws, state)
        try:
            router.wait_ready()
            yield World(aws, platform, engine, provider, router, token)
        finally:
            status = router.terminate()
        assert status == 0, router.lines[-5:]
