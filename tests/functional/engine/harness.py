"""A real engine container without a container: the supervisor as a process, followed by its own log."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[3]
KEY = "the-shared-key"
_PATIENCE_SECONDS = 60


class Engine:
    """The supervisor as a child of the test. Every wait is for a line of its log or for its end, never for a time."""

    def __init__(self, environment: dict[str, str], *, python: str = sys.executable) -> None:
        self.port = free_port()
        base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLIPWAY_"))}
        self._environment = base | {
            "PYTHONPATH": f"{ROOT / 'serving_image'}:{ROOT / 'layers/contracts'}",
            "SLIPWAY_MODEL_ID": "m-1",
            "SLIPWAY_MODEL_VERSION": "1.0.0",
            "SLIPWAY_ENGINE_KIND": "mock",
            "SLIPWAY_LISTEN_HOST": "127.0.0.1",
            "SLIPWAY_LISTEN_PORT": str(self.port),
            "SLIPWAY_DRAIN_SECONDS": "20",
            "SLIPWAY_FAILURE_LINGER_SECONDS": "30",
            "ENGINE_API_KEY": KEY,
            **environment,
        }
        self._python = python
        self._changed = threading.Condition()
        self.log: list[dict[str, Any]] = []
        self.ended = False

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [self._python, "-m", "engine"], env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def wait_for(self, message: str, **fields: Any) -> dict[str, Any]:
        """Wait for a log entry with this message and these fields."""

        def found() -> dict[str, Any] | None:
            matching = (entry for entry in self.log if entry["message"] == message and fields.items() <= entry.items())
            return next(matching, None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self.ended, _PATIENCE_SECONDS)
            entry = found()
        assert entry is not None, f"no {message} {fields} in the log:\n" + "\n".join(map(str, self.log))
        return entry

    def wait_for_phase(self, phase: str) -> None:
        """Wait until it enters a phase."""
        self.wait_for("phase", next=phase)

    def wait_for_end(self) -> int:
        """Wait for the exit status."""
        return self.process.wait(_PATIENCE_SECONDS)

    def terminate(self) -> None:
        """Send what a container runtime sends first."""
        self.process.send_signal(signal.SIGTERM)

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)

    def request(self, method: str, path: str, body: object = None, key: str | None = KEY) -> tuple[int, dict[str, str], bytes]:
        """Ask once: (status, headers, content)."""
        connection = self.connect()
        try:
            send(connection, method, path, body, key)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """GET /status."""
        document: dict[str, Any] = json.loads(self.request("GET", "/status", key=None)[2])
        return document

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.log.append(json.loads(line) if line.startswith("{") else {"message": line.rstrip()})
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()


def send(connection: http.client.HTTPConnection, method: str, path: str, body: object = None, key: str | None = KEY) -> None:
    """Send a request as a client of the platform does."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)


def chat(**more: object) -> dict[str, object]:
    """A chat completion's body."""
    return {"model": "m-1", "messages": [{"role": "user", "content": "hello there"}], **more}


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def arguments(**knobs: object) -> dict[str, str]:
    """The environment that carries engine arguments."""
    return {"SLIPWAY_ENGINE_ARGUMENTS": json.dumps(knobs)}
