"""An engine without a model, with knobs: for tests, and for trying the platform without waiting for weights."""

import json
import sys
from pathlib import Path
from typing import ClassVar

from contracts.artifact import Manifest
from contracts.engine_arguments import MockArguments
from engine.adapters.base import Adapter, Launch, Metrics, Reading, engine_environment, read_arguments
from engine.adapters.programs import read_failure_code, read_program_line
from engine.child import Command, Death
from engine.errors import EngineError


class MockAdapter(Adapter):
    """Runs `engine.programs.mock`; weights are welcome and unused."""

    metrics: ClassVar = Metrics(
        {
            "mock:requests_running": "slipway_engine_requests_running",
            "mock:generated_tokens_total": "slipway_engine_generated_tokens_total",
            "mock:prompt_tokens_total": "slipway_engine_prompt_tokens_total",
        },
        running="mock:requests_running",
        steps="mock:generated_tokens_total",
    )
    idle_connection_seconds: ClassVar = 30.0

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self.arguments = read_arguments(MockArguments, launch)

    def check(self, directory: Path | None, manifest: Manifest | None) -> None:
        """Accept anything."""

    def command(self, directory: Path | None, manifest: Manifest | None) -> Command:  # noqa: ARG002 - it has no use for weights
        """Build the program's start; knobs and key travel by its standard input."""
        configuration = self.arguments.model_dump() | {"model_id": self.launch.model_id, "key": self.launch.key}
        argv = [sys.executable, "-m", "engine.programs.mock"]
        environment = engine_environment(self.launch.environment, keep_python_path=True)
        return Command(argv, environment, json.dumps(configuration).encode())

    def read_line(self, line: str) -> Reading:
        """Follow our own program's lines."""
        return read_program_line(line)

    def explain(self, death: Death) -> EngineError:
        """Fail with the code that was asked for."""
        code = read_failure_code(tuple(death.lines))
        return EngineError(code) if code else super().explain(death)
