"""A client of the management API on the standard library: what `make up` says to it, a person can say with curl."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 90.0
"""More than the API has on AWS: the first call here may start two functions cold on a machine that is busy with something else."""


class ManagementError(Exception):
    """The API refused; the message holds its problem document's code, sentence and hint."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        errors = "; ".join(f"{error.get('path') or error.get('field')}: {error.get('message')}" for error in problem.get("errors") or [])
        parts = (self.code, problem.get("detail") or problem.get("title") or problem.get("message"), problem.get("hint"), errors)
        super().__init__(f"{status} " + " · ".join(str(part) for part in parts if part))


@dataclass(frozen=True)
class Management:
    """The API at `url`, as whoever `token` names."""

    url: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; the decoded answer. Header names are given with underscores. Raises ManagementError, OSError."""
        data = None if body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **given}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise ManagementError(error.code, _problem(error.read())) from error

    def accepts_token(self) -> bool:
        """Whether the token is still worth something here."""
        try:
            self.call("GET", "/models?limit=1")
        except (ManagementError, OSError):
            return False
        return True


def _problem(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"message": body[:200].decode(errors="replace")}


def key(prefix: str) -> str:
    """An Idempotency-Key."""
    return f"{prefix}-{time.time_ns():x}"
