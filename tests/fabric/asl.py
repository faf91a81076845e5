"""State machines in virtual time: an interpreter of the part of the Amazon States Language that we use.

Task (Lambda by ARN, `lambda:invoke`, `.waitForTaskToken`), Choice, Wait, Pass, Succeed, Fail; Retry, Catch, TimeoutSeconds,
HeartbeatSeconds; JSONPath with InputPath, Parameters, ResultSelector, ResultPath, OutputPath. Whatever else a definition uses is an
error, never ignored.

Nothing sleeps and nothing runs by itself: `StateMachines.advance` moves the clock and runs what is due; `advance(0)` runs what is due now.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fabric.definitions import check, load
from tests.fabric.paths import Json, TaskFailed, filled, given_to, holds, placed, read

__all__ = ["Execution", "StateMachines", "TaskFailed", "TokenGone", "check", "load"]

Invoke = Callable[[str, Json], Json]
Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "ABORTED"]
_TIMEOUTS = {"States.Timeout", "States.HeartbeatTimeout"}


class TokenGone(Exception):
    """Nobody waits for this token any more (`TaskTimedOut`, `TaskDoesNotExist`)."""


@dataclass
class _Waiting:
    """What an execution waits for: a token's answer, or a moment. Times in virtual seconds."""

    token: str | None = None
    answered: str | None = None
    due: float | None = None
    silence: float | None = None
    deadline: float | None = None


@dataclass
class Execution:
    """One run. `trail` holds the states entered; `transitions` counts as AWS bills: every state entered and every retry."""

    name: str
    definition: Mapping[str, Any]
    data: Json
    status: Status = "RUNNING"
    state: str = ""
    trail: list[str] = field(default_factory=list)
    transitions: int = 0
    output: Json = None
    error: str | None = None
    waiting: _Waiting | None = None
    retried: dict[int, int] = field(default_factory=dict)
    tokens: int = 0
    machine: str = ""
    given: Json = None


class StateMachines:
    """Executions of some definitions, by machine name, and the tokens that they wait for.

    `stepwise`: an execution pauses before each task, so that something else may happen in between. `entered` hears of each transition:
    the execution, the state left ("" at the start), the state entered. `chance`, in [0, 1): what
    delays with full jitter are multiplied by.
    """

    def __init__(
        self,
        definitions: Mapping[str, Mapping[str, Any]],
        invoke: Invoke,
        *,
        stepwise: bool = False,
        entered: Callable[[Execution, str, str], None] = lambda *_: None,
        chance: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._definitions, self._invoke = definitions, invoke
        self._stepwise, self._entered, self._chance = stepwise, entered, chance
        self.now = 0.0
        self.executions: dict[tuple[str, str], Execution] = {}
        self._running: list[Execution] = []
        self._answered: dict[str, Json | TaskFailed] = {}

    def start(self, machine: str, name: str, data: Json) -> Execution:
        """A new execution, due now. KeyError for a name that was used."""
        if (machine, name) in self.executions:
            raise KeyError(name)
        execution = Execution(name, self._definitions[machine], copy.deepcopy(data), machine=machine, given=copy.deepcopy(data))
        self.executions[machine, name] = execution
        self._running.append(execution)
        self._enter(execution, execution.definition["StartAt"])
        execution.waiting = _Waiting(due=self.now)
        return execution

    def stop(self, machine: str, name: str) -> None:
        """End an execution from outside."""
        execution = self.executions[machine, name]
        if execution.status == "RUNNING":
            execution.status, execution.waiting = "ABORTED", None

    def succeed(self, token: str, output: Json) -> None:
        """Answer a token."""
        self._answer(token, output)

    def fail(self, token: str, error: str, cause: str) -> None:
        """Answer a token with an error."""
        self._answer(token, TaskFailed(error, cause))

    def beat(self, token: str) -> None:
        """Say that there is progress."""
        execution = self._holder(token)
        if execution.waiting and execution.waiting.silence is not None:
            execution.waiting.silence = self.now + execution.definition["States"][execution.state]["HeartbeatSeconds"]

    def moved(self, seconds: float) -> None:
        """It is so late now: somebody else moves the clock, and lets what is due go on."""
        self.now = seconds

    def advance(self, seconds: float) -> None:
        """Let time pass; whatever falls due on the way happens at its moment."""
        end = self.now + seconds
        while (found := self._next_due(end)) is not None:
            execution, moment = found
            self.now = max(self.now, moment)
            self._expire(execution)
        self.now = end

    def due(self) -> list[tuple[Execution, float, bool]]:
        """Executions under way, when each goes on next, and whether of itself (else its time to wait for an answer is over)."""
        found = []
        for execution in self._under_way():
            moments = list(_moments(execution))
            if moments:
                found.append((execution, min(moments), execution.waiting is not None and execution.waiting.due is not None))
        return found

    def proceed(self, execution: Execution) -> None:
        """Let one execution that is due go on."""
        self._expire(execution)

    def _under_way(self) -> list[Execution]:
        """In the order of their starts. What has ended is not looked at for ever."""
        self._running = [execution for execution in self._running if execution.status == "RUNNING"]
        return self._running

    def _next_due(self, end: float) -> tuple[Execution, float] | None:
        due = [(e, moment) for e in self._under_way() for moment in _moments(e) if moment <= end]
        return min(due, key=lambda pair: pair[1]) if due else None

    def _expire(self, execution: Execution) -> None:
        waiting = execution.waiting
        if waiting is None:
            return
        execution.waiting = None
        if waiting.token is None:
            if waiting.answered:
                self._take_answer(execution, waiting.answered)
            self._run(execution)
            return
        silent = waiting.silence is not None and waiting.silence <= self.now
        late = waiting.deadline is not None and waiting.deadline <= self.now
        self._failed(execution, TaskFailed("States.HeartbeatTimeout" if silent and not late else "States.Timeout"))
        self._run(execution)

    def _holder(self, token: str) -> Execution:
        for execution in self._under_way():
            if execution.waiting and execution.waiting.token == token:
                return execution
        raise TokenGone(token)

    def _answer(self, token: str, answer: Json | TaskFailed) -> None:
        execution = self._holder(token)
        if token in self._answered:
            raise TokenGone(token)
        self._answered[token] = answer
        if execution.waiting and execution.waiting.deadline is not None:  # else the task is being invoked and looks itself
            execution.waiting = _Waiting(answered=token, due=self.now)

    def _run(self, execution: Execution) -> None:
        while execution.status == "RUNNING" and execution.waiting is None:
            state = execution.definition["States"][execution.state]
            getattr(self, f"_{state['Type'].lower()}")(execution, state)
            task_next = execution.definition["States"][execution.state]["Type"] == "Task"
            if self._stepwise and task_next and execution.status == "RUNNING" and execution.waiting is None:
                execution.waiting = _Waiting(due=self.now)

    def _enter(self, execution: Execution, name: str) -> None:
        self._entered(execution, execution.state, name)
        execution.state, execution.retried = name, {}
        execution.trail.append(name)
        execution.transitions += 1

    def _leave(self, execution: Execution, state: Mapping[str, Any], data: Json) -> None:
        execution.data = read(state["OutputPath"], data, {}) if "OutputPath" in state else data
        if state.get("End"):
            execution.status, execution.output = "SUCCEEDED", execution.data
        else:
            self._enter(execution, state["Next"])

    # ── one method per type of state ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _task(self, execution: Execution, state: Mapping[str, Any]) -> None:
        waits = state["Resource"].endswith(".waitForTaskToken")
        entered = f"entry {len(execution.trail)}"  # AWS gives the moment; two entries at one virtual moment are two all the same
        context: dict[str, Any] = {"Execution": {"Name": execution.name}, "State": {"Name": execution.state, "EnteredTime": entered}}
        token = None
        if waits:
            execution.tokens += 1
            token = f"{execution.name}/{execution.state}/{execution.tokens}"
            context["Task"] = {"Token": token}
            execution.waiting = _Waiting(token)
        try:
            order = given_to(state, execution.data, context)
            integrated = ":states:::lambda:invoke" in state["Resource"]
            answer = self._invoke(order["FunctionName"], order["Payload"]) if integrated else self._invoke(state["Resource"], order)
        except TaskFailed as failure:
            execution.waiting = None
            self._failed(execution, failure)
            return
        if execution.status != "RUNNING":
            return  # stopped by what it invoked
        if token is None:
            self._done(execution, state, {"StatusCode": 200, "Payload": answer} if integrated else answer)
        elif token in self._answered:
            self._take_answer(execution, token)
        else:
            beat = state.get("HeartbeatSeconds")
            silence = self.now + beat if beat else None
            execution.waiting = _Waiting(token, silence=silence, deadline=self.now + state.get("TimeoutSeconds", 99_999_999))

    def _choice(self, execution: Execution, state: Mapping[str, Any]) -> None:
        chosen = next((rule["Next"] for rule in state["Choices"] if holds(rule, execution.data)), state.get("Default"))
        if chosen is None:
            self._end(execution, TaskFailed("States.NoChoiceMatched"))
        else:
            self._enter(execution, chosen)

    def _wait(self, execution: Execution, state: Mapping[str, Any]) -> None:
        seconds = read(state["SecondsPath"], execution.data, {}) if "SecondsPath" in state else state["Seconds"]
        self._leave(execution, state, execution.data)
        if execution.status == "RUNNING":
            execution.waiting = _Waiting(due=self.now + seconds)

    def _pass(self, execution: Execution, state: Mapping[str, Any]) -> None:
        result = state["Result"] if "Result" in state else given_to(state, execution.data, {})
        self._leave(execution, state, placed(state, execution.data, result))

    def _succeed(self, execution: Execution, state: Mapping[str, Any]) -> None:
        del state
        execution.status, execution.output = "SUCCEEDED", execution.data

    def _fail(self, execution: Execution, state: Mapping[str, Any]) -> None:
        self._end(execution, TaskFailed(state.get("Error", ""), state.get("Cause", "")))

    # ── how tasks end ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_answer(self, execution: Execution, token: str) -> None:
        answer = self._answered[token]
        execution.waiting = None
        if isinstance(answer, TaskFailed):
            self._failed(execution, answer)
        else:
            self._done(execution, execution.definition["States"][execution.state], answer)

    def _done(self, execution: Execution, state: Mapping[str, Any], result: Json) -> None:
        if "ResultSelector" in state:
            result = filled(state["ResultSelector"], result, {})
        self._leave(execution, state, placed(state, execution.data, result))

    def _failed(self, execution: Execution, failure: TaskFailed) -> None:
        state = execution.definition["States"][execution.state]
        for number, retrier in enumerate(state.get("Retry", ())):
            if not _matches(retrier["ErrorEquals"], failure.error):
                continue
            count = execution.retried.get(number, 0)
            if count < retrier.get("MaxAttempts", 3):
                execution.retried[number] = count + 1
                execution.transitions += 1
                delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** count
                delay = min(delay, retrier.get("MaxDelaySeconds", delay))
                if retrier.get("JitterStrategy") == "FULL":
                    delay *= self._chance()
                execution.waiting = _Waiting(due=self.now + delay)
                return
            break
        for catcher in state.get("Catch", ()):
            if _matches(catcher["ErrorEquals"], failure.error):
                told = {"Error": failure.error, "Cause": failure.cause}
                execution.data = placed(catcher, execution.data, told)
                self._enter(execution, catcher["Next"])
                return
        self._end(execution, failure)

    def _end(self, execution: Execution, failure: TaskFailed) -> None:
        execution.status, execution.error = "FAILED", failure.error


def _moments(execution: Execution) -> Iterator[float]:
    if execution.status == "RUNNING" and execution.waiting:
        waiting = execution.waiting
        yield from (moment for moment in (waiting.due, waiting.silence, waiting.deadline) if moment is not None)


def _matches(names: list[str], error: str) -> bool:
    if error in names or "States.ALL" in names:
        return True
    return "States.TaskFailed" in names and error not in _TIMEOUTS
