"""Every path of every state machine, as its `*.cases.yaml` tells it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fabric.asl import StateMachines, TaskFailed, load

_ROOT = Path("statemachines")
_MOMENT = 30


def _cases() -> list[tuple[Path, dict[str, Any], dict[str, Any]]]:
    found = []
    for path in sorted(_ROOT.glob("*/*.cases.yaml")):
        told = yaml.safe_load(path.read_text())
        found += [(path.with_name(path.name.replace(".cases.", ".asl.")), told["input"], case) for case in told["cases"]]
    return found


class _Script:
    """Plays a case: what functions return, how tokens are answered."""

    def __init__(self, definition: dict[str, Any], case: dict[str, Any]) -> None:
        self.steps = list(case["steps"])
        self.pending: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[Any] = []
        self.machines = StateMachines({"it": definition}, self._invoke)

    def _invoke(self, function: str, payload: Any) -> Any:
        assert self.steps, f"{function} was called once more than the case tells"
        step = self.steps.pop(0)
        if "error" in payload:
            self.errors.append(payload["error"])
        if "error" in step:
            raise TaskFailed(step["error"], step.get("cause", ""))
        if "return" in step:
            return step["return"]
        self.pending.append((payload["task_token"], step))
        return {"decision": "waiting"}

    def play(self, data: dict[str, Any]) -> Any:
        """Run to the end; answers the execution."""
        execution = self.machines.start("it", "operation", data)
        self.machines.advance(120)
        while self.pending:
            token, step = self.pending.pop(0)
            if "answer" in step:
                self.machines.succeed(token, step["answer"])
            elif "failure" in step:
                self.machines.fail(token, step["failure"], step.get("cause", ""))
            else:
                self._be_silent(token, step.get("beats_every"), execution)
            self.machines.advance(120)
        return execution

    def _be_silent(self, token: str, beats_every: int | None, execution: Any) -> None:
        while execution.waiting and execution.waiting.token == token:
            if beats_every:
                self.machines.beat(token)
            self.machines.advance(beats_every or _MOMENT)


@pytest.mark.parametrize(
    ("path", "data", "case"), _cases(), ids=lambda value: value["name"] if isinstance(value, dict) and "name" in value else ""
)
def test_a_machine_goes_the_way_that_its_cases_tell(path: Path, data: dict[str, Any], case: dict[str, Any]) -> None:
    """States visited, transitions, the end, and the error that the failure's step is given."""
    script = _Script(load(path), case)
    execution = script.play(data)
    assert execution.trail == case["visits"]
    assert execution.status == case["status"]
    assert script.steps == []
    if "transitions" in case:
        assert execution.transitions == case["transitions"]
    if "fails_with" in case:
        assert script.errors == [case["fails_with"]]
