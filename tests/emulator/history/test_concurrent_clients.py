"""Clients that change, stop, start, read and list a few models at the same time, while replies get lost: what they saw can be explained."""

import json
import random
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform import TERMINAL, Platform, Reply, Started, eventually
from tests.e2e.test_provider import Upstream
from tests.emulator.faults.injection import Injection
from tests.emulator.history.checker import Accepted, violations
from tests.emulator.history.log import History, whole
from tests.evidence import counted, scaled

MODELS = ("history-0", "history-1", "history-2")
CLIENTS, OPERATIONS = 6, 25
WISHES = {"ModelRequested", "ModelUpdated", "ModelStopRequested"}
COMMANDS = {"update": ("PATCH", ""), "stop": ("POST", "/stop"), "start": ("POST", "/start")}
# Of the functions that take the commands: nothing was done, or all was done and nobody was told.
LOSSES = [
    {"action": "lambda:invoke", "caller": f"*:function:*Serving{name}ModelFunction*", "rate": 0.1, **how}
    for name in ("Update", "Stop", "Start")
    for how in ({"code": "Runtime.ExitError", "status": 500}, {"when": "after"})
]


@pytest.fixture(scope="module")
def models(started: Started) -> Iterator[Platform]:
    """Three models of a third party, in service: nothing of theirs has to start."""
    platform = started.platform
    server = Upstream(platform.upstream_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    secret = platform.aws("secretsmanager").create_secret(Name="slipway/local/providers/history", SecretString='{"api_key": "sk-history"}')
    offer = {"name": "openai", "model": "stub", "api_base": f"http://127.0.0.1:{platform.upstream_port}/v1", "secret": secret["ARN"]}
    wishes = [{"model_id": name, "hosting": "provider", "allowed_groups": ["research"], "provider": offer} for name in MODELS]
    accepted = [platform.call("POST", "/models", wish) for wish in wishes]
    assert [platform.settled(reply)["status"] for reply in accepted] == ["Succeeded"] * len(MODELS)
    yield platform
    for reply in [platform.call("DELETE", f"/models/{name}") for name in MODELS]:
        platform.settled(reply)
    server.shutdown()
    server.server_close()


class Client(threading.Thread):
    """One of them, with dice of its own."""

    def __init__(self, platform: Platform, history: History, number: int) -> None:
        super().__init__(daemon=True)
        self._platform, self._history, self._name = platform, history, f"client-{number}"
        self._dice = random.Random(f"history-{number}")
        self._seen: dict[str, int] = {}

    def run(self) -> None:
        """Ask and note, a fixed number of times."""
        for number in range(scaled(OPERATIONS)):
            model, action = (
                self._dice.choice(MODELS),
                self._dice.choice(["update", "update", "update", "read", "read", "read", "stop", "start", "list"]),
            )
            if action == "read":
                self._read(model)
            elif action == "list":
                self._list(model)
            else:
                self._command(model, action, f"{self._name} {number}" if action == "update" else "")

    def _command(self, model: str, action: str, text: str) -> None:
        method, path = COMMANDS[action]
        compare = self._seen.get(model, 0) if self._dice.random() < 0.5 else 0
        headers = {"If_Match": f'"{compare}"'} if compare else {}
        number = self._history.invoke(self._name, model, action, expected=compare, text=text)
        reply = self._call(method, f"/models/{model}{path}", {"description": text} if text else None, **headers)
        if reply is None or reply.status >= 500:
            self._history.complete(number, "info")
        elif reply.status == 202:
            self._history.complete(number, "ok", operation_id=reply.json["operation_id"])
        else:
            self._history.complete(number, "fail")

    def _read(self, model: str) -> None:
        number = self._history.invoke(self._name, model, "read")
        reply = self._call("GET", f"/models/{model}")
        if reply is None or reply.status != 200:
            self._history.complete(number, "info")
            return
        self._seen[model] = reply.json["generation"]
        self._history.complete(number, "ok", generation=reply.json["generation"], text=reply.json["description"])

    def _list(self, model: str) -> None:
        """Lists come from an index that follows: they may be old, and are held to nothing but being there."""
        reply = self._call("GET", f"/models?prefix={model}")
        assert reply is None or reply.status >= 500 or [item["model_id"] for item in reply.json["items"]] == [model], reply.text

    def _call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply | None:
        try:
            return self._platform.call(method, path, body, **headers)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None


def accepted(platform: Platform, model: str) -> list[Accepted]:
    """The model's commands as its ledger has them, each with the description that the wish had then."""
    found: list[Accepted] = []
    rows = [
        row for row in platform.rows("ServingModelTable") if row["pk"]["S"] == f"MODEL#{model}" and row["sk"]["S"].startswith("LEDGER#")
    ]
    for row in sorted(rows, key=lambda row: row["sk"]["S"]):
        entry = json.loads(row["document"]["S"])
        if entry["event_type"] in WISHES and entry["metadata"]["actor"].startswith("token:"):
            data = entry["data"]
            text = data["model"]["description"] if "model" in data else (found[-1].text if found else "")
            found.append(Accepted(data["operation_id"], data["generation"], text))
    return found


def audited(platform: Platform) -> list[str]:
    """Operation ids of the models' commands in the audit."""
    found = []
    for row in platform.rows("UsageAuditTable"):
        entry = json.loads(row["document"]["S"])
        if (
            entry.get("event_type") in WISHES
            and entry["actor"].startswith("token:")
            and any(name in row["document"]["S"] for name in MODELS)
        ):
            found.append(str(entry["correlation_id"]))
    return found


def test_what_clients_saw_can_be_explained(models: Platform, tmp_path: Path) -> None:
    """One register per model by generation; the audit has each accepted command once; nobody goes back in time."""
    history = History()
    clients = [Client(models, history, number) for number in range(CLIENTS)]
    with Injection(models, LOSSES, "history"):
        for client in clients:
            client.start()
        for client in clients:
            client.join(600)
    assert not any(client.is_alive() for client in clients)
    history.save(tmp_path / "history.jsonl")
    operations = whole(history.lines)
    ledger = {model: accepted(models, model) for model in MODELS}
    for model in MODELS:  # what made them was nobody's command here
        first = ledger[model].pop(0)
        assert first.generation == 1
    commands = {one.operation_id for rows in ledger.values() for one in rows}
    eventually(lambda: commands <= set(audited(models)), "the audit has every command")
    created = set(audited(models)) - commands
    assert len(created) == len(MODELS)
    begun = [Accepted("", 1)]
    wrong = violations(
        operations,
        {model: [*begun, *rows] for model, rows in ledger.items()},
        [*(name for name in audited(models) if name in commands), ""],
    )
    assert wrong == [], f"{wrong}\n{(tmp_path / 'history.jsonl').read_text()}"
    eventually(lambda: all(_status(models, name) in TERMINAL for name in commands), "every command has ended", 240)
    outcomes = {kind: sum(one.outcome == kind for one in operations) for kind in ("ok", "fail", "info")}
    assert min(outcomes.values()) > 0, outcomes  # else the run has shown nothing of that kind
    counted("history_operations", len(operations))
    for kind, count in outcomes.items():
        counted("history_outcomes", count, outcome=kind)
    counted("history_violations", len(wrong))


def _status(platform: Platform, operation_id: str) -> str:
    reply = platform.call("GET", f"/operations/{operation_id}")
    time.sleep(0.02)
    return str(reply.json.get("status"))
