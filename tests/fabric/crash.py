"""The crash sweep: whatever call to AWS a function dies before or after, delivering its message again leads to the same end.

    sweep(arrange, act, observe)

runs `act` once undisturbed, then once per AWS call and moment with a crash there, each time in a copy of one fresh world, followed
by an undisturbed redelivery, and compares what `observe` sees with the undisturbed run. `sweep` answers how many crashes it tried.
"""

import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from unittest.mock import patch

from botocore.client import BaseClient

World = TypeVar("World")
Result = TypeVar("Result")
Moment = Literal["before", "after"]
_MOMENTS: tuple[Moment, ...] = ("before", "after")


class Crash(BaseException):
    """The process dies. Not an Exception, so that no `except Exception` on the way can survive it."""


@dataclass(frozen=True)
class Call:
    """One call to AWS: `dynamodb`, `TransactWriteItems`, and what was sent."""

    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass
class Watch:
    """The AWS calls made while it lasts, and where to crash: at the call with this number (from 0), before or after it."""

    crash_at: int | None = None
    moment: Moment = "before"
    calls: list[Call] = field(default_factory=list)

    def of(self, operation: str) -> list[Call]:
        """The calls of one operation."""
        return [call for call in self.calls if call.operation == operation]


@contextmanager
def watching(crash_at: int | None = None, moment: Moment = "before") -> Iterator[Watch]:
    """Record every AWS call made by boto3 clients, and crash where told."""
    watch = Watch(crash_at, moment)
    real: Any = vars(BaseClient)["_make_api_call"]

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        number = len(watch.calls)
        watch.calls.append(Call(self.meta.service_model.service_name, operation, parameters))
        if number == watch.crash_at and watch.moment == "before":
            raise Crash
        try:
            return real(self, operation, parameters)
        finally:  # also after a call that AWS refuses: the refusal is known to nobody then
            if number == watch.crash_at and watch.moment == "after":
                raise Crash

    with patch.object(BaseClient, "_make_api_call", call):
        yield watch


def sweep(
    arrange: Callable[[], AbstractContextManager[World]],
    act: Callable[[World], Any],
    observe: Callable[[World], Any],
) -> int:
    """Try every crash; AssertionError names the call after whose crash the end was another. Answers the number of crashes tried (> 0).

    The world is arranged once; each run has a copy of it, in a process of its own.
    """
    with arrange() as world:
        calls, expected = _apart(lambda: _undisturbed(world, act, observe))
        assert calls, "nothing to crash: the function made no call to AWS"
        tried = 0
        for number, called in enumerate(calls):
            for moment in _MOMENTS:
                seen = _apart(lambda number=number, moment=moment: _disturbed(world, act, observe, number, moment))  # type: ignore[misc]
                assert seen == expected, f"a crash {moment} call {number}, {called}, ends differently"
                tried += 1
    return tried


def _undisturbed(world: World, act: Callable[[World], Any], observe: Callable[[World], Any]) -> tuple[list[str], Any]:
    with watching() as watch:
        act(world)
    return [f"{call.service} {call.operation}" for call in watch.calls], observe(world)


def _disturbed(world: World, act: Callable[[World], Any], observe: Callable[[World], Any], number: int, moment: Moment) -> Any:
    _crash_once(world, act, number, moment)
    act(world)
    return observe(world)


def _apart(work: Callable[[], Result]) -> Result:
    """What `work` answers in a copy of this process, which ends with it; its failure is an AssertionError here, with its traceback."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = pickle.dumps((True, work()))
        except BaseException:  # noqa: BLE001 - whatever it was, it has to be told to the parent
            told = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert told, "the copy of this process has died without a word"
    fine, answer = pickle.loads(told)
    assert fine, answer
    result: Result = answer
    return result


def _crash_once(world: World, act: Callable[[World], Any], number: int, moment: Moment) -> None:
    with watching(number, moment):
        try:
            act(world)
        except Crash:
            return
    message = f"the run ended without reaching call {number}: it is not the same run twice"
    raise AssertionError(message)
