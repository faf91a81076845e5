"""The first question to a router: it is held while the engine starts, and what is refused for good is told in a sentence."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local import model
from local.progress import Progress
from local.weights import MODEL_ID

CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL_ID}


class Router(BaseHTTPRequestHandler):
    """Of a model that starts: who is ready to wait is told so, and then answered; the others are refused. Nobody may who has no token."""

    def do_POST(self) -> None:
        """A chat completion."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != "Bearer known":
            self._answer(401, "application/json", json.dumps({"error": {"message": "Who are you?"}}))
        elif not self.headers.get("Prefer", "").startswith("wait="):
            self._answer(503, "application/json", json.dumps({"error": {"message": "The model is starting."}}))
        else:
            words = [json.dumps(CHUNK | {"choices": [{"index": 0, "delta": {"content": word}}]}) for word in ("Par", "is.")]
            self._answer(200, "text/event-stream", ": waking weights\n\n" + "".join(f"data: {word}\n\n" for word in [*words, "[DONE]"]))

    def _answer(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("X-Should-Retry", "false")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def router() -> Iterator[str]:
    """Where it listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Router) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_a_question_waits_for_an_engine_that_starts(router: str) -> None:
    """After a restart the model is in service before its engine answers."""
    assert model.ask(router, "known", Progress()) == "Paris."


def test_a_refusal_is_told_in_a_sentence(router: str) -> None:
    """What went wrong, and where to look; no traceback of a library's."""
    with pytest.raises(model.ModelError, match=r"Who are you\?.*\n`make status`"):
        model.ask(router, "unknown", Progress())
