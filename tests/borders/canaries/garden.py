"""Canaries: unique texts, planted where something confidential goes in, and looked for wherever anything comes out."""

import base64
import contextlib
import io
import json
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from kit.observability import logger, tracer

MAY_APPEAR: Final[dict[str, frozenset[str]]] = {
    "secret": frozenset(),  # credentials, refused values, headers, query strings, bodies that could not be read
    "prompt": frozenset({"sent on"}),  # what callers say goes to whoever answers them, and nowhere else
    "answer": frozenset({"answers"}),  # what a model says goes to its caller
    "token": frozenset({"shown once"}),  # an API token is in the answer that issues it
    "key": frozenset({"sent on"}),  # a third party's key goes to the third party
    "command": frozenset({"rows"}),  # an Idempotency-Key is a row's key
    "public": frozenset({"rows", "events", "answers", "shown once", "inputs", "task definitions"}),  # what everybody may read
    "name": frozenset({"answers"}),  # a model's name that does not exist is told back to whoever asked for it
    "path": frozenset({"answers", "logs"}),  # paths are logged, at most 128 characters of them; query strings are not
}
"""Which canary may be found where. What is not named here may not be: metrics, traces and files are in no line."""


@dataclass
class Garden:
    """What was planted, by kind, and what came out, by sink."""

    planted: dict[str, tuple[str, str]] = field(default_factory=dict)
    sinks: dict[str, list[str]] = field(default_factory=dict)

    def plant(self, kind: str, where: str) -> str:
        """A new canary of this kind."""
        assert kind in MAY_APPEAR
        canary = f"cnry{secrets.token_hex(10)}"
        self.planted[canary] = (kind, where)
        return canary

    def adopt(self, kind: str, where: str, text: str) -> str:
        """A text that somebody else made, such as an issued token, is a canary from now on."""
        self.planted[text] = (kind, where)
        return text

    def collect(self, sink: str, content: Any) -> None:
        """Something that came out."""
        if isinstance(content, bytes):
            content = content.decode("utf-8", "replace")
        text = content if isinstance(content, str) else json.dumps(content, default=str)
        self.sinks.setdefault(sink, []).append(text)

    def leaks(self) -> list[str]:
        """Canaries found where they may not be, as planted or in another spelling."""
        found = []
        for sink, texts in self.sinks.items():
            whole = "\n".join(texts)
            for canary, (kind, where) in self.planted.items():
                if sink not in MAY_APPEAR[kind] and any(spelling in whole for spelling in _spellings(canary)):
                    found.append(f"{kind} of {where} in {sink}")
        return found

    def seen(self, kind: str, sink: str) -> int:
        """How many canaries of a kind came out there: a net that catches nothing where something must be proves nothing."""
        whole = "\n".join(self.sinks.get(sink, ()))
        return sum(canary in whole for canary, (planted, _) in self.planted.items() if planted == kind)

    @contextlib.contextmanager
    def overhearing(self) -> Iterator[None]:
        """Collect what functions say meanwhile, as the runtime would see it: log, warnings of others, metrics, traces, output."""
        said, warned, printed = io.StringIO(), io.StringIO(), io.StringIO()
        root = logging.getLogger()
        others = logging.StreamHandler(warned)
        others.setLevel(logging.WARNING)  # the runtime's own handler passes these on
        stream = logger.registered_handler.stream  # type: ignore[attr-defined]
        level, annotate = logger.log_level, tracer.put_annotation
        logger.registered_handler.setStream(said)  # type: ignore[attr-defined]
        logger.setLevel("DEBUG")
        root.addHandler(others)
        tracer.put_annotation = lambda key, value: self.collect("traces", {key: value})  # type: ignore[method-assign]
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                yield
        finally:
            tracer.put_annotation = annotate  # type: ignore[method-assign]
            root.removeHandler(others)
            logger.setLevel(level)
            logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
            self.collect("logs", said.getvalue())
            self.collect("logs", warned.getvalue())
            self.collect("metrics and output", printed.getvalue())


def _spellings(canary: str) -> set[str]:
    inner = base64.b64encode(canary.encode()).decode().rstrip("=")[:-1]
    return {canary, canary.upper(), canary[::-1], inner, quote(canary, safe=""), canary.encode().hex()}
