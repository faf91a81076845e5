"""What clients asked and were told, in the order in which it happened: one JSON line for each invocation and each completion.

An operation is `invoke`d and then `ok` (it happened), `fail` (it did not) or `info` (nobody knows). `value` is what it wrote or read.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """One operation, whole. `began` and `ended` are places in the log; one without completion, or `info`, ends after everything.

    Writes: `operation_id` as the API named it (empty when it did not), `expected` the generation that If-Match asked for (0: none),
    `text` the description that it sets (empty: none). Reads: `generation` and `text` as seen.
    """

    client: str
    model: str
    action: str
    outcome: str
    began: int
    ended: float
    operation_id: str = ""
    expected: int = 0
    generation: int = 0
    text: str = ""

    @property
    def is_read(self) -> bool:
        """Whether it only looked."""
        return self.action == "read"


@dataclass
class History:
    """A log that threads write to."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, client: str, model: str, action: str, **asked: Any) -> int:
        """Note that something is asked; its number."""
        with self._lock:
            self.lines.append({"type": "invoke", "client": client, "model": model, "action": action, **asked})
            return len(self.lines) - 1

    def complete(self, number: int, outcome: str, **told: Any) -> None:
        """Note what came of it."""
        with self._lock:
            self.lines.append({"type": outcome, "of": number, **told})

    def save(self, path: Path) -> None:
        """As JSON lines."""
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))


def whole(lines: Iterable[dict[str, Any]]) -> list[Done]:
    """Put invocations and completions together; one that was never completed is `info`."""
    listed = list(lines)
    completed = {line["of"]: (place, line) for place, line in enumerate(listed) if line["type"] != "invoke"}
    found = []
    for place, line in enumerate(listed):
        if line["type"] != "invoke":
            continue
        ended, told = completed.get(place, (None, {"type": "info"}))
        known = told["type"] != "info" and ended is not None
        values = {key: value for key, value in (line | told).items() if key not in {"type", "of"}}
        found.append(Done(outcome=told["type"], began=place, ended=float("inf") if ended is None or not known else ended, **values))
    return found
