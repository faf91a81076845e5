"""State reaches the disk while the platform runs, so that being killed costs seconds of it, not all of it.

Stock: state is written on a graceful shutdown only. AWS loses nothing; here what happened since the last checkpoint is lost, and what was
delivered since is delivered again. All services' state becomes text in one turn of the loop that serves requests, so that no checkpoint has
half of a transaction, or rows that are younger than what has been read of their stream. The json module's own dump to a file takes three
times as long, for it encodes in Python.

SLIPWAY_CHECKPOINTS=off leaves it at stock: for measurements on a table so large that copying it would be what is measured.
"""

import asyncio
import contextvars
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence

from local.emulator.pin import expect, replace

log = logging.getLogger("slipway.checkpoints")
INTERVAL_SECONDS = 2.0
# Small, and changed by the work itself; everything else changes with a deployment only.
LIVELY = ("dynamodb", "sqs", "ecs", "eventbridge", "stepfunctions", "secretsmanager", "cognito", "s3")
READING = ("Get", "List", "Describe", "Query", "Scan", "BatchGet", "Receive")


class Checkpoints:
    """Notices changes and writes them on a thread of its own."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._deployed: Any = None

    def note(self, headers: dict[str, str], method: str) -> None:
        """A request is about to be served."""
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if method != "GET" and not operation.startswith(READING):
            self._changed.set()

    def run(self) -> None:
        """Write for ever."""
        while True:
            self._changed.wait()
            threading.Event().wait(INTERVAL_SECONDS)
            self._changed.clear()
            try:
                self.write()
            except Exception:
                log.exception("a checkpoint was not written")

    def write(self) -> None:
        """Write the lively services, and after a deployment all of them."""
        services = app._build_persistence_save_dict()
        deployed = _stacks()
        if deployed is not None and deployed != self._deployed:
            self._deployed = deployed
        else:
            services = {name: state for name, state in services.items() if name in LIVELY}
        for name, text in asyncio.run_coroutine_threadsafe(self._read(services), app._MAIN_LOOP).result().items():
            file = Path(persistence.STATE_DIR) / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(".json.tmp")
            beside.write_text(text)
            beside.replace(file)

    async def _read(self, services: dict[str, Callable[[], Any]]) -> dict[str, str]:
        """Every service's state of this moment. What a thread of its own has changed meanwhile is read with the next checkpoint."""
        texts = {}
        for name, state in services.items():
            try:
                payload = state()
                if payload is not None:
                    whole = {"__ministack_format__": persistence._state_format_version(name), "payload": payload}
                    texts[name] = json.dumps(whole, default=persistence._json_default)
            except RuntimeError as error:
                log.info("%s is written down later: %s", name, error)
                self._changed.set()
            except (TypeError, ValueError):
                log.exception("%s cannot be written down", name)  # as stock: the others are
        return texts


def _stacks() -> Any:
    """What is deployed and since when; None while a deployment is under way or there is nothing."""
    from ministack.services.cloudformation import _stacks as stacks

    found = sorted(
        (str(key), stack.get("StackStatus", ""), str(stack.get("LastUpdatedTime", ""))) for key, stack in list(stacks._data.items())
    )
    return None if not found or any(status.endswith("IN_PROGRESS") for _, status, _ in found) else found


def apply() -> None:
    """Watch the dispatcher, and start writing with the first change."""
    expect(
        persistence.save_state, "os.replace(tmp, path)", "if not PERSIST_STATE:", '{"__ministack_format__": _state_format_version(service)'
    )
    if not persistence.PERSIST_STATE or os.environ.get("SLIPWAY_CHECKPOINTS") == "off":
        return
    logging.getLogger("persistence").setLevel(logging.WARNING)
    checkpoints = Checkpoints()
    dispatch = app._dispatch_service_request

    async def dispatch_and_note(method: str, path: str, headers: dict[str, str], body: bytes, query: Any, request_id: str) -> Any:
        answer = await dispatch(method, path, headers, body, query, request_id)
        checkpoints.note(headers, method)
        return answer

    replace(app, "_dispatch_service_request", dispatch_and_note)
    threading.Thread(target=contextvars.Context().run, args=(checkpoints.run,), daemon=True, name="checkpoints").start()
