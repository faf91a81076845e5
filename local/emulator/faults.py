"""Fault rules: which call is to fail, how, and how often. Held in the emulator, changed over HTTP by tests."""

import fnmatch
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

LISTED = 100


@dataclass
class Fault:
    """One rule. Patterns are shell globs; `times` None means for ever.

    `action` is an IAM action (`dynamodb:TransactWriteItems`) or `target` for EventBridge's delivery to a rule's target, whose ARN then
    matches `caller`; `caller` is the ARN of who calls; `body` is a part of the request's body. `code` empty means delay only.
    `when` is `before` (nothing happens) or `after` (the call succeeds and its reply is lost).
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


@dataclass
class FaultRules:
    """All rules, in order; the first that matches counts."""

    rules: list[Fault] = field(default_factory=list)
    fired: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, rows: list[dict[str, Any]]) -> None:
        """Replace all rules; raises TypeError for an unknown field."""
        fresh = [Fault(**row) for row in rows]
        with self._lock:
            self.rules, self.fired = fresh, []

    def snapshot(self) -> dict[str, Any]:
        """Rules as they stand, and what fired last."""
        with self._lock:
            return {"rules": [asdict(rule) for rule in self.rules], "fired": self.fired[-LISTED:]}

    def match(self, action: str, caller: str, body: bytes) -> Fault | None:
        """The rule that hits this call, counted down; None when no rule does."""
        with self._lock:
            for rule in self.rules:
                if rule.times == 0 or not fnmatch.fnmatchcase(action, rule.action) or not fnmatch.fnmatchcase(caller, rule.caller):
                    continue
                if rule.body and rule.body.encode() not in body:
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                if rule.times is not None:
                    rule.times -= 1
                self.fired.append({"action": action, "caller": caller, "code": rule.code, "when": rule.when})
                return rule
        return None

    def match_target(self, arn: str) -> Fault | None:
        """The rule that hits EventBridge's delivery to a target."""
        return self.match("target", arn, b"")


RULES = FaultRules()
