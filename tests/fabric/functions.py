"""Runs the real handlers: payload in, outcome out, as Lambda would, in one process, with everything they say kept."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from typing import Any
from unittest.mock import patch

from kit import aws
from kit.observability import logger, metrics, tracer
from tests.fabric.aws.boundary import ACCOUNT, REGION, Boundary
from tests.fabric.crash import Crash
from tests.fabric.delivery.agenda import Outcome
from tests.fabric.faults import Faults
from tests.fabric.topology import Topology
from tests.fabric.wire import Context, copied

CONTEXTS = ("access", "registry", "serving", "routing", "usage")
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


@dataclass(frozen=True)
class LogLine:
    """What a function has logged: level, message, the keys that stand in every line of its run, what was added to this one."""

    level: str
    message: str
    keys: dict[str, Any]
    extra: dict[str, Any]
    error: str


@dataclass
class Functions:
    """Every function of the stack, by logical id. `runs` counts them, `logs` holds what they said, `metrics` what they counted.

    `verbatim`: what they say is formatted as on AWS, and kept in `lines`, one text each as CloudWatch would get it; then `logs` is empty.
    """

    topology: Topology
    faults: Faults
    verbatim: bool = False
    lines: list[str] = field(default_factory=list)
    runs: Counter[str] = field(default_factory=Counter)
    logs: list[LogLine] = field(default_factory=list)
    metrics: Counter[str] = field(default_factory=Counter)
    _keys: dict[str, Any] = field(default_factory=dict)

    def invoke(self, name: str, event: Any, *, last: bool = False) -> Outcome:
        """One run, by logical id. `last`: there will be no other attempt at this event."""
        found = self.topology.functions[name]
        handler = handler_of(found.module)
        self.runs[name] += 1
        kept, keys = self.faults.begin(last=last), self._keys
        try:
            answer = handler(copied(event), Context())
            return Outcome(answer=answer if answer is None else json.loads(json.dumps(answer)))
        except Crash:
            forget(found.context)  # whatever the process knew is gone with it
            return Outcome(error="Runtime.ExitError", message="the process died", crashed=True)
        except Exception as error:  # noqa: BLE001 - Lambda takes any of them, and tells its name
            return Outcome(error=type(error).__name__, message=str(error))
        finally:
            self._keys = keys
            self.faults.end(kept)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what functions log and count instead of printing it; formatting and printing would cost more than all the rest."""
        with ExitStack() as stack:
            stack.enter_context(patch.object(metrics, "flush_metrics", self._flush))
            if self.verbatim:
                stack.enter_context(_written_to(_Sink(self.lines)))
            else:
                stack.enter_context(patch.object(tracer, "provider", _Untraced()))
                for level in _LEVELS:
                    stack.enter_context(patch.object(logger, level, self._logger(level)))
                stack.enter_context(patch.object(logger, "append_keys", self._append))
                stack.enter_context(patch.object(logger, "clear_state", self._clear))
            yield

    def _logger(self, level: str) -> Callable[..., None]:
        def log(message: object, *args: object, extra: dict[str, Any] | None = None, **_: Any) -> None:
            error = sys.exc_info()[1] if level == "exception" else None
            told = f"{type(error).__name__}: {error}" if error else ""
            self.logs.append(LogLine(level, str(message) % args if args else str(message), dict(self._keys), dict(extra or {}), told))

        return log

    def _append(self, **keys: Any) -> None:
        self._keys = {**self._keys, **keys}

    def _clear(self, *_: Any) -> None:
        self._keys = {}

    def _flush(self, *_: Any, **__: Any) -> None:
        for name, told in metrics.metric_set.items():
            self.metrics[name] += int(sum(told["Value"]))
        metrics.clear_metrics()


class _Untraced:
    """Stands for X-Ray where nobody looks at what was traced."""

    @contextmanager
    def in_subsegment(self, name: str) -> Iterator["_Untraced"]:
        """A part of the trace."""
        del name
        yield self

    def put_annotation(self, key: str, value: object) -> None:
        """What the trace is found by."""


class _Sink:
    """A stream that keeps lines."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        """Keep it."""
        if text.strip():
            self._lines.append(text.rstrip("\n"))

    def flush(self) -> None:
        """There is nothing behind."""


@contextmanager
def _written_to(sink: _Sink) -> Iterator[None]:
    """The logger's own formatter goes on, but writes there."""
    handler: Any = logger.registered_handler
    before = handler.setStream(sink)
    yield
    handler.setStream(before)


@cache
def handler_of(module: str) -> Callable[[Any, Any], Any]:
    """The function's entry."""
    found: Callable[[Any, Any], Any] = import_module(module).handler
    return found


def forget(*contexts: str) -> None:
    """Make the next run of these contexts' functions compose its use case anew, as a new process would."""
    roots = tuple(f"{context}.wiring" for context in contexts)
    for name in _wirings():
        if name.startswith(roots):
            for item in _composing(name):
                item.cache_clear()


def _wirings() -> tuple[str, ...]:
    """Modules that put use cases together, of those that have been imported by now."""
    return _wirings_among(len(sys.modules))


@lru_cache(maxsize=4)
def _wirings_among(_: int) -> tuple[str, ...]:
    return tuple(name for name in sys.modules if name.split(".")[0] in CONTEXTS and ".wiring" in name)


@cache
def _composing(wiring: str) -> tuple[Any, ...]:
    """What this module makes once and keeps."""
    root = wiring.split(".", maxsplit=1)[0] + ".wiring"
    items = vars(sys.modules[wiring]).values()
    return tuple(item for item in items if hasattr(item, "cache_clear") and str(getattr(item, "__module__", "")).startswith(root))


@contextmanager
def account(boundary: Boundary, environment: dict[str, str]) -> Iterator[None]:
    """Every boto3 client is a fake of this account, and every function has its variables."""
    import boto3

    common = {"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ACCOUNT_ID": ACCOUNT}
    aws.client.cache_clear()
    forget(*CONTEXTS)
    with patch.dict(os.environ, environment | common), patch.object(boto3, "client", boundary.client):
        yield
    aws.client.cache_clear()
    forget(*CONTEXTS)
