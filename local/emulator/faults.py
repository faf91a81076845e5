"""Fault rules: which call is to fail, how, and how often. Held in the emulator, changed over HTTP by tests."""

import fnmatch
import random
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

LISTED = 100


@dataclass
class Fault:
    """One rule. Patterns are shell globs; `times` None means for ever; `rate` is the share of the matching calls that it hits.

    `action` is an IAM action (`dynamodb:TransactWriteItems`), or one of what happens without a call over the wire: `target`, EventBridge's
    delivery to a rule's target, `lambda:invoke`, any invocation of a function by a service, and `ecs:placement`, the scheduler's search
    for a place for a task; the ARN of the target, function or service then matches `caller`. Otherwise `caller` is the ARN of who calls;
    `body` is a part of the request's body. `code` empty means delay only.
    `when` is `before` (nothing happens), `after` (the call succeeds and its reply is lost) or `reset` (nothing happens, and the
    connection is closed in place of an answer).
    """

    action: str
    caller: str = "*"
    body: str = ""
    code: str = ""
    status: int = 400
    message: str = "injected by a fault rule"
    delay_seconds: float = 0.0
    when: str = "before"
    times: int | None = None
    skip: int = 0
    rate: float = 1.0

    @property
    def kind(self) -> str:
        """What it is, for counts."""
        if self.when != "before":
            return {"after": "reply_lost", "reset": "connection_reset"}[self.when]
        if not self.code:
            return "latency"
        return "server_error" if self.status >= 500 else "throttle"  # noqa: PLR2004 - HTTP


@dataclass
class FaultRules:
    """All rules, in order; the first that matches, and whose die says so, counts."""

    rules: list[Fault] = field(default_factory=list)
    fired: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calls: int = 0
    _random: random.Random = field(default_factory=random.Random)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, rows: list[dict[str, Any]], seed: str = "") -> None:
        """Replace all rules and forget what fired; the same seed throws the same dice. Raises TypeError or ValueError for a bad rule."""
        fresh = [Fault(**row) for row in rows]
        if any(rule.when not in {"before", "after", "reset"} or not 0 <= rule.rate <= 1 for rule in fresh):
            raise ValueError("`when` is before, after or reset, and `rate` from 0 to 1")
        with self._lock:
            self.rules, self.fired, self.calls = fresh, [], 0
            self.counts.clear()
            self._random.seed(seed)

    def snapshot(self) -> dict[str, Any]:
        """Rules as they stand, what fired last, how many calls were looked at, and how often which kind hit which role's which action."""
        with self._lock:
            counts = [{"kind": kind, "action": action, "role": role, "count": count} for (kind, action, role), count in self.counts.items()]
            return {"rules": [asdict(rule) for rule in self.rules], "fired": self.fired, "calls": self.calls, "counts": counts}

    def match(self, action: str, caller: str, body: bytes) -> Fault | None:
        """The rule that hits this call, counted down; None when no rule does."""
        with self._lock:
            self.calls += 1
            for rule in self.rules:
                if self._hits(rule, action, caller, body):
                    self.fired = [*self.fired, {"action": action, "caller": caller, "code": rule.code, "when": rule.when}][-LISTED:]
                    self.counts[(rule.kind, action, _role(caller))] += 1
                    return rule
        return None

    def _hits(self, rule: Fault, action: str, caller: str, body: bytes) -> bool:
        if rule.times == 0 or not fnmatch.fnmatchcase(action, rule.action) or not fnmatch.fnmatchcase(caller, rule.caller):
            return False
        if rule.body and rule.body.encode() not in body:
            return False
        if rule.skip > 0:
            rule.skip -= 1
            return False
        if rule.rate < 1 and self._random.random() >= rule.rate:
            return False
        if rule.times is not None:
            rule.times -= 1
        return True

    def match_target(self, arn: str) -> Fault | None:
        """The rule that hits EventBridge's delivery to a target."""
        return self.match("target", arn, b"")


def _role(caller: str) -> str:
    """The role of a session, else the last part of the name."""
    return (
        caller.rsplit(":assumed-role/", maxsplit=1)[-1].split("/", maxsplit=1)[0]
        if ":assumed-role/" in caller
        else caller.rsplit(":", 1)[-1]
    )


RULES = FaultRules()
