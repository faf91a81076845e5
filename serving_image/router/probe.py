"""Watching targets that are not ready yet, and asking each the first real question through the way that users' requests take."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import ValidationError

from contracts.common import Failure
from contracts.engine import FAILURES, Phase
from contracts.engine_status import EngineStatus
from contracts.inference import ENDPOINTS, Question, question_for
from contracts.routing import Route, RouteHealthObserved
from router.engines import Sender, probe_completion
from router.errors import ApiError
from router.idents import iso
from router.provider_errors import ProviderFailure
from router.routes import Prepared, Target, target_of
from router.surface import forms
from router.surface.answers import Whole
from router.upstream import TargetUnreachable

_REFUSALS: Final = 3
_PROVIDER_ATTEMPTS: Final = 4
_PROVIDER_BACK_OFF: Final = 60.0
_PROGRESS_STEP: Final = 0.1
_SCHEDULING: Final = (-1, "scheduling")
_INSTANCE: Final = (0, "instance")
_WARMING: Final = (2, "warming")

ReadStatus = Callable[[Target], Awaitable[EngineStatus | None]]
"""What an engine container says of itself, over a fresh connection; None while it cannot be reached."""


class ProviderAnswer(Protocol):
    """The way to third parties."""

    async def answer(self, route: Route, path: str, document: Mapping[str, Any]) -> Whole:
        """The whole answer; ApiError otherwise."""
        ...


@dataclass(frozen=True, kw_only=True)
class Means:
    """What every probe asks with, and whom it tells. Times in seconds."""

    read_status: ReadStatus
    sender: Sender
    providers: ProviderAnswer
    report: Callable[[RouteHealthObserved], None]
    router_id: str
    probe_seconds: float = 0.25
    report_seconds: float = 10.0


class Prober:
    """One task for each probing target; it ends when the table says that the target is no longer probing."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._probes: dict[str, Probe] = {}

    def synchronise(self, routes: Mapping[str, Prepared]) -> None:
        """Probe what is probing, and nothing else."""
        wanted = {
            target.key: (prepared.route, target)
            for prepared in routes.values()
            if prepared.route.state not in {"closed", "asleep"}
            for target in (target_of(prepared.route, row) for row in prepared.route.targets)
            if target.row.status == "probing"
        }
        for key in [key for key, probe in self._probes.items() if key not in wanted or not probe.follow(*wanted[key])]:
            self._probes.pop(key).cancel()
        for key, (route, target) in wanted.items():
            if key not in self._probes:
                self._probes[key] = Probe(self._means, route, target)

    def stage(self, model_id: str) -> str:
        """How far the start of this model is, by its target that is furthest: scheduling, instance, weights (with %), warming."""
        return max((probe.stage for probe in self._probes.values() if probe.model_id == model_id), default=_SCHEDULING)[1]

    async def close(self) -> None:
        """Stop every probe."""
        tasks = [probe.cancel() for probe in self._probes.values()]
        self._probes.clear()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


class Probe:
    """The probing of one target, which goes on until it is cancelled. `stage`: how far the target is, and the word for that."""

    def __init__(self, means: Means, route: Route, target: Target) -> None:
        self._means, self._route, self._target = means, route, target
        self._reported: tuple[str, float | None] | None = None
        self._reported_at = float("-inf")
        self._refusals = 0
        self.model_id = route.model_id
        self.stage = _INSTANCE if target.row.kind == "engine" else _WARMING
        self._task = asyncio.get_running_loop().create_task(self.provider() if target.row.kind == "provider" else self.engine())

    def follow(self, route: Route, target: Target) -> bool:
        """Go on under the route as it is now; whether that can be. An engine is the same engine whatever becomes of its model's wish,
        a provider is asked in another way by another generation."""
        if self._task.done() or target.origin != self._target.origin:
            return False
        if target.row.kind == "provider" and route.generation != self._route.generation:
            return False
        self._route = route
        return True

    def cancel(self) -> asyncio.Task[None]:
        """Stop; answers what is to be waited for by whoever must know that it has."""
        self._task.cancel()
        return self._task

    async def engine(self) -> None:
        """Look at the container until it is ready, then ask it; goes on until cancelled, since a report may be lost."""
        while True:
            status = await self._means.read_status(self._target)
            pause = self._means.probe_seconds
            self.stage = _stage_of(status)
            if status is None or status.model_id != self._route.model_id:  # the address may still answer for somebody else
                self._progress("connecting", None, repeat=False)
            elif status.phase is Phase.FAILED:
                self._tell("failed", phase=status.phase, failure=_failure_of(status))
                pause = self._means.report_seconds
            elif status.phase is Phase.READY:
                pause = await self._ask_engine(pause)
            else:
                self._progress(status.phase, status.progress)
            await asyncio.sleep(pause)

    async def _ask_engine(self, pause: float) -> float:
        question = question_for(self._route.task)
        try:
            refusal = await probe_completion(self._means.sender, self._target, question, self._route.model_id)
        except TargetUnreachable:
            self._progress(Phase.WARMING, None)
            return pause
        if refusal is None:
            self._tell("ready", phase=Phase.READY)
            return self._means.report_seconds
        self._refusals += 1
        if self._refusals < _REFUSALS:
            return pause
        known = FAILURES["engine-answer-invalid"]
        self._tell("failed", phase=Phase.READY, failure=Failure(code=known.code, message=f"{known.message} {refusal}", hint=known.hint))
        return self._means.report_seconds

    async def provider(self) -> None:
        """Ask the third party for one token, more and more slowly; goes on until cancelled."""
        attempt = 0
        while True:
            failure = await self._ask_provider(max_tokens=1)
            if failure is not None and failure.failure.code == "provider-refused-request":
                failure = await self._ask_provider(max_tokens=16)  # some models take no fewer
            if failure is None:
                self._tell("ready", phase=Phase.READY)
            elif failure.final or attempt + 1 >= _PROVIDER_ATTEMPTS:
                self._tell("failed", failure=failure.failure)
            else:
                self._progress("connecting", None)
            settled = failure is None or failure.final
            await asyncio.sleep(max(self._means.report_seconds if settled else 0.0, min(_PROVIDER_BACK_OFF, 0.5 * 2**attempt)))
            attempt = min(attempt + 1, 8)

    def _asked(self) -> Route:
        """The route as it would be if this target answered: a candidate has a provider of its own."""
        own = self._target.row.provider
        return self._route if own is None else self._route.model_copy(update={"provider": own})

    async def _ask_provider(self, max_tokens: int) -> ProviderFailure | None:
        question = question_for(self._route.task)
        try:
            await self._means.providers.answer(self._asked(), question.path, _document_of(question, max_tokens))
        except ProviderFailure as failure:
            return failure
        except ApiError as error:
            return ProviderFailure(error.status, "provider-error", error.message)
        return None

    def _progress(self, phase: str, progress: float | None, *, repeat: bool = True) -> None:
        """Report a new phase, a step of a tenth, or (as a sign of life, if `repeat`) the same again after a while."""
        now = asyncio.get_running_loop().time()
        if self._reported is not None:
            before, reached = self._reported
            stepped = progress is not None and abs(progress - (reached or 0.0)) >= _PROGRESS_STEP
            due = repeat and now - self._reported_at >= self._means.report_seconds
            if before == phase and not stepped and not due:
                return
        self._reported, self._reported_at = (phase, progress), now
        self._tell("progressing", phase=phase, progress=progress)

    def _tell(self, observed: str, *, phase: str = "", progress: float | None = None, failure: Failure | None = None) -> None:
        self._means.report(
            RouteHealthObserved.model_validate(
                {
                    "model_id": self._route.model_id,
                    "generation": self._route.generation,
                    "target_id": self._target.row.target_id,
                    "observed": observed,
                    "phase": str(phase),
                    "progress": progress,
                    "failure": failure,
                    "router_id": self._means.router_id,
                    "observed_at": iso(),
                }
            )
        )


def _document_of(question: Question, max_tokens: int) -> dict[str, Any]:
    """The question's fields, as a request for it is read."""
    if ENDPOINTS[question.path].form:
        kind, body = question.encoded("probe")
        return forms.parse(body, kind)
    return {**question.fields} | ({"max_tokens": max_tokens} if "max_tokens" in question.fields else {})


def _stage_of(status: EngineStatus | None) -> tuple[int, str]:
    if status is None:
        return _INSTANCE
    if status.phase is Phase.FETCHING:
        return 1, "weights" if status.progress is None else f"weights {status.progress:.0%}"
    return (1, "weights 100%") if status.phase is Phase.VERIFYING else _WARMING


def _failure_of(status: EngineStatus) -> Failure:
    said = status.failure
    if said is not None:
        with contextlib.suppress(ValidationError):
            return Failure(code=said.code, message=said.message, hint=said.hint)
    known = FAILURES["engine-crashed"]
    return Failure(code=known.code, message=known.message, hint=known.hint)
