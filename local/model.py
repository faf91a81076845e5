"""The first model: wished for through the management API, followed on the bus, asked through the router."""

import time
from collections.abc import Callable
from typing import Any

from openai import APIConnectionError, APIError, NotFoundError, OpenAI

from local.follow import Subscription, render
from local.management import Management, ManagementError, key
from local.people import RESEARCH
from local.progress import Progress
from local.weights import MODEL_ID, VERSION, Artifact

QUESTION = "What is the capital of France?"
PATIENCE_SECONDS = 180.0
FINISHED = {"ModelInService", "ModelFailed"}
SILENT_ROUNDS = 3
ANSWER_TOKENS = 64
NOT_FOUND = 404


class ModelError(Exception):
    """The model did not come into service; the message says why and what to do."""


def wish(artifact: Artifact) -> dict[str, Any]:
    """The body of POST /models."""
    return {
        "model_id": MODEL_ID,
        "hosting": "hosted",
        "version": VERSION,
        "task": "chat",
        "description": "SmolLM2 135M Instruct, on this machine's CPU",
        "allowed_groups": [RESEARCH],
        "tags": {"team": "laptop"},
        "features": {"streaming": True},
        "generation_defaults": {"max_tokens": 256, "temperature": 0},
        "artifact": {"uri": artifact.uri, "manifest_sha256": artifact.manifest_sha256},
        "engine": {"kind": "llama.cpp", "arguments": {"context_length": 8192}},
        "capacity": {"min": 0, "max": 1, "desired": 1},
    }


def status(api: Management) -> str | None:
    """The model's status, or None when there is no such model."""
    try:
        return str(api.call("GET", f"/models/{MODEL_ID}")["status"])
    except ManagementError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def bring_into_service(api: Management, artifact: Artifact, subscribe: Callable[[], Subscription], progress: Progress) -> None:
    """Create the model, or follow or retry what is under way; returns when it is in service. Raises ModelError, ManagementError."""
    found = status(api)
    if found == "InService":
        return
    with subscribe() as subscription:
        started = time.time()
        if found is None or found == "Deleting":
            operation = api.call("POST", "/models", wish(artifact), Idempotency_Key=key("create"))
            progress.line(f"POST /models → 202, operation {operation['operation_id']}")
        elif found == "Failed":
            operation = api.call("POST", f"/models/{MODEL_ID}/retry", {}, Idempotency_Key=key("retry"))
            progress.line(f"POST /models/{MODEL_ID}/retry → 202, operation {operation['operation_id']}")
        _follow(api, subscription, started, progress)


def _follow(api: Management, subscription: Subscription, started: float, progress: Progress) -> None:
    deadline, silent = time.monotonic() + PATIENCE_SECONDS, 0
    while time.monotonic() < deadline:
        kinds = set()
        for said in subscription.events():
            progress.line_of(render(said, subscription.causes, started))
            if said.model == MODEL_ID:
                kinds.add(said.kind)
        # The row changes a moment before its event arrives: only a longer silence means that the event was missed.
        silent = 0 if kinds else silent + 1
        if kinds & FINISHED or silent >= SILENT_ROUNDS:
            found = api.call("GET", f"/models/{MODEL_ID}")
            if found["status"] == "InService":
                return
            if found["status"] == "Failed":
                failure = found.get("failure") or {}
                raise ModelError(f"{MODEL_ID} failed: {failure.get('message')} ({failure.get('code')})\n{failure.get('hint', '')}")
    raise ModelError(f"{MODEL_ID} is not in service after {PATIENCE_SECONDS:.0f} s. `make status` and `make tail` show where it stands.")


def await_route(base_url: str, token: str) -> None:
    """Wait until the router sends requests to the model: after a restart its engine loads again, though the model is in service."""
    client = OpenAI(base_url=base_url, api_key=token, timeout=PATIENCE_SECONDS)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.models.retrieve(MODEL_ID)
            return
        except (NotFoundError, APIConnectionError):
            if time.monotonic() > deadline:
                message = f"The router has no open route to {MODEL_ID} after {PATIENCE_SECONDS:.0f} s. `make status` shows its tasks."
                raise ModelError(message) from None
        time.sleep(0.2)


def ask(base_url: str, token: str, progress: Progress) -> str:
    """Put a question to the model with the official client, streaming the answer; the answer. Raises ModelError.

    The router holds the question while the engine starts: after a restart it may have let go of the former one a moment ago.
    """
    client = OpenAI(base_url=base_url, api_key=token, timeout=PATIENCE_SECONDS, max_retries=6)
    words: list[str] = []
    progress.line(f"\n[bold]You:[/bold] {QUESTION}")
    started = time.monotonic()
    first: float | None = None
    try:
        stream = client.chat.completions.create(
            model=MODEL_ID,
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            max_tokens=ANSWER_TOKENS,
            temperature=0,
            extra_headers={"Prefer": f"wait={PATIENCE_SECONDS:.0f}"},
        )
        progress.console.print(f"[bold]{MODEL_ID}:[/bold] ", end="")
        for chunk in stream:
            word = (chunk.choices[0].delta.content if chunk.choices else None) or ""
            if word and first is None:
                first = time.monotonic() - started
            words.append(word)
            progress.console.print(word, end="", markup=False)
    except APIError as error:
        raise ModelError(f"{MODEL_ID} did not answer: {error}\n`make status` shows its tasks.") from error
    progress.line(f"\n[dim]first token after {first or 0:.2f} s, {time.monotonic() - started:.2f} s in all[/dim]")
    return "".join(words)
