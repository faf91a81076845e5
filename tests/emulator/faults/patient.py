"""A client as the documentation asks for: one Idempotency-Key a command, and again with the same one until there is an answer."""

import threading
import time
import urllib.error
import uuid
from typing import Any

from tests.e2e.platform import Platform, Reply

_PAUSE_SECONDS = 0.3
_UNSURE = 500
_ACCEPTED = 202


class Patient:
    """Commands about one platform. `accepted` counts those that were taken, by model; `again` how often a command had to be repeated."""

    def __init__(self, platform: Platform, seconds: float = 120) -> None:
        self.platform, self._seconds, self._lock = platform, seconds, threading.Lock()
        self.accepted: dict[str, list[str]] = {}
        self.again = 0

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """The first answer that is not a 5xx; a command keeps its key over all tries."""
        if method != "GET":
            headers.setdefault("Idempotency_Key", uuid.uuid4().hex)
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                reply = self.platform.call(method, path, body, **headers)
                if reply.status < _UNSURE:
                    return reply
                problem = reply.text
            except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
                problem = str(error)
            assert time.monotonic() < deadline, f"{method} {path}: {problem}"
            with self._lock:
                self.again += 1
            time.sleep(_PAUSE_SECONDS)

    def command(self, method: str, path: str, body: Any = None) -> str:
        """The operation that an accepted command names."""
        reply = self.call(method, path, body)
        if reply.status == 409 and "acknowledge" in reply.json:
            reply = self.call(method, path, body | {"acknowledge": reply.json["acknowledge"]})
        assert reply.status == _ACCEPTED, f"{method} {path}: {reply.status} {reply.text}"
        operation, model_id = str(reply.json["operation_id"]), str(reply.json["model_id"])
        with self._lock:
            self.accepted.setdefault(model_id, []).append(operation)
        return operation

    def ended(self, operation_id: str, *statuses: str) -> Any:
        """The operation once it has ended, and with one of these statuses."""
        seen = self.platform.ended(operation_id, self.call, 240)
        assert seen["status"] in statuses, seen
        return seen

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """Command it, and see it succeed."""
        return self.ended(self.command(method, path, body), "Succeeded")
