"""A platform that writes down which function ran with which AWS calls, and in which one run after another can be made to die."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore import xform_name

from scripts.template import ROOT
from tests.fabric.aws.boundary import Call, Proceed
from tests.fabric.faults import Moment
from tests.fabric.platform import RESEARCHER, Fabric
from tests.fabric.router import Sight
from tests.fabric.sweep.signature import signature

Line = tuple[str, int, str]
"""File from the repository's root, line, and the operation that went through it, as boto3 names it."""
_LAYERS = str(ROOT / "layers")
_STEPS = 3000


@dataclass
class Run:
    """One run of a function (logical id), and the signatures of its AWS calls in order."""

    function: str
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Death:
    """Where a function dies: in the run of this number of the whole scenario, around its call of this number; both from 0."""

    run: int
    call: int
    moment: Moment


class Stage(Fabric):
    """One platform under one scenario. `runs` is what functions did; `lines` those of our layers through which calls to AWS went.

    `deaths` happen in order; each but the first counts its run from the one that died before it.
    """

    def __init__(self, seed: int, deaths: tuple[Death, ...] = (), *, trace: bool = False) -> None:
        super().__init__(seed)
        self.runs: list[Run] = []
        self.lines: set[Line] = set()
        self.answers: list[tuple[str, int]] = []
        self.accepted: list[str] = []
        self._deaths, self._trace, self._since = list(deaths), trace, 0
        self._requests = 0
        self.boundary._around = self._watched

    def go_on(self, deaths: tuple[Death, ...], *, trace: bool) -> None:
        """Begin to write down anew: what has happened until now belongs to another scenario."""
        self.runs.clear()
        self.lines.clear()
        self.edges.clear()
        self._deaths, self._trace, self._since = list(deaths), trace, 0

    # ── what scenarios do ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(
        self, function: str, method: str, path: str, *, caller: Mapping[str, Any] = RESEARCHER, attempts: int = 3, **more: Any
    ) -> tuple[int, Any]:
        """One request, repeated under the same key where the platform was not able to answer: what a person does. Status and body."""
        self._requests += 1
        headers = {"idempotency-key": f"request-{self._requests}"}
        status: int = 500
        told: Any = None
        for _ in range(attempts):
            status, told, _ = self.http(function, method, path, caller=caller, headers=headers, **more)
            if status < 500:
                break
        self.answers.append((function, status))
        if status == 202 and told["operation_id"] not in self.accepted:
            self.accepted.append(told["operation_id"])
        return status, told

    def wanted(self, function: str, method: str, path: str, **more: Any) -> Any:
        """The same, which must be accepted; where it is a matter of acknowledging, that is done."""
        status, told = self.ask(function, method, path, **more)
        if status == 409 and "acknowledge" in told:
            status, told = self.ask(function, method, path, **more | {"body": more["body"] | {"acknowledge": told["acknowledge"]}})
        assert status < 300, (function, path, status, told)
        return told

    def create(self, model_id: str = "m1", **changes: Any) -> Any:
        """Ask for a hosted model."""
        return self.wanted("create_model", "POST", "/models", body=self.wish(model_id, **changes))

    def serve(self, model_id: str = "m1", **changes: Any) -> None:
        """A hosted model in service."""
        self.create(model_id, **changes)
        self.run()
        self.stands(model_id, "InService")

    def update(self, model_id: str = "m1", **body: Any) -> Any:
        """Ask for a change."""
        return self.wanted("update_model", "PATCH", f"/models/{model_id}", body=body)

    def command(self, word: str, model_id: str = "m1") -> Any:
        """`stop`, `start`, `retry` or `delete`."""
        if word == "delete":
            return self.wanted("delete_model", "DELETE", f"/models/{model_id}")
        return self.wanted(f"{word}_model", "POST", f"/models/{model_id}/{word}")

    def cancel(self, accepted: Any) -> None:
        """Ask for an operation to be given up."""
        self.ask("cancel_operation", "POST", f"/operations/{accepted['operation_id']}/cancel")
        begun = [key.removeprefix("OPERATION#") for key, _ in self.rows() if key.startswith("OPERATION#")]
        self.accepted += [one for one in begun if one not in self.accepted]  # a cancelled stop is followed by a start

    def stands(self, model_id: str, *statuses: str) -> None:
        """The model stands so."""
        status = self.model(model_id)["status"]
        assert status in statuses, f"{model_id} is {status}\n" + "\n".join(self.log[-60:])

    def until(self, condition: Callable[[], Any]) -> None:
        """Let things happen until this is true."""
        for _ in range(_STEPS):
            if condition():
                return
            self.step()
        message = "it never came about\n" + "\n".join(self.log[-60:])
        raise AssertionError(message)

    def wait(self, condition: Callable[[], Any], seconds: float) -> None:
        """Let time pass, so much in one go, until this is true."""
        for _ in range(_STEPS):
            self.live(seconds)
            if condition():
                return
        message = "it never came about\n" + "\n".join(self.log[-60:])
        raise AssertionError(message)

    def lose(self, kind: str, *words: str) -> None:
        """The next thing of this kind with all these words in it never happens."""

        def found() -> Any:
            return next((thing for thing in self.things if thing.kind == kind and all(word in thing.what for word in words)), None)

        self.until(found)
        self.drop(found())

    def mend(self) -> None:
        """What a scenario has ordered to fail does so no more."""
        self._faults._ordered.clear()

    def doubt(self, model_id: str) -> None:
        """A request to the model's one engine fails, and the router looks at it."""
        (task,) = self.ecs.alive()
        key = model_id, task.task_id
        self.router._sights[key] = Sight(self.now)
        self.router._look(key)

    # ── insides ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _invoke(self, name: str, event: Any, *, last: bool = False) -> Any:
        number = len(self.runs)
        self.runs.append(Run(name))
        if self._deaths and self._deaths[0].run == number - self._since:
            death = self._deaths.pop(0)
            self._since = number
            self.crash_next(death.call, death.moment)
        return super()._invoke(name, event, last=last)

    def _watched(self, call: Call, proceed: Proceed) -> Any:
        if self._faults.in_function:
            self.runs[-1].calls.append(signature(call))
            if self._trace:
                self._follow(xform_name(call.operation))
        return self._faults.around(call, proceed)

    def _follow(self, operation: str) -> None:
        frame = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_LAYERS):
                self.lines.add((str(Path(file).relative_to(ROOT)), frame.f_lineno, operation))
            frame = frame.f_back  # type: ignore[assignment]  # ends with None
