"""Models in service of which each test takes its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.platform import Started
from tests.emulator.faults.patient import Patient
from tests.emulator.privilege.rare import all_gone

Bring = Callable[..., Patient]


@pytest.fixture
def serving(started: Started) -> Iterator[Bring]:
    """Brings models into service at once, by name; `arguments` are the mock engine's. All that begin with rare- are gone afterwards."""
    platform = started.platform

    def bring(*names: str, **arguments: Any) -> Patient:
        client = Patient(platform)
        begun = [client.command("POST", "/models", platform.parrot(name, **arguments)) for name in names]
        for operation in begun:
            client.ended(operation, "Succeeded")
        return client

    yield bring
    models = platform.call("GET", "/models?limit=200&prefix=rare-").json["items"]
    all_gone(platform, [model["model_id"] for model in models])
