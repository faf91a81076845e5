"""A steady stream of clients: each asks again as soon as it has its whole answer, and remembers every one that it did not get."""

import http.client
import json
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.e2e.platform import Platform

_PAUSE_SECONDS = 0.02


class SteadyClients:
    """`with SteadyClients(platform, model_id) as clients: …`; afterwards `lost` says what went wrong, `answered` how many did not."""

    def __init__(self, platform: Platform, model_id: str, count: int = 3, **options: object) -> None:
        self._url = urlsplit(platform.values["OPENAI_BASE_URL"])
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {platform.values['OPENAI_API_KEY']}"}
        body = {"model": model_id, "messages": [{"role": "user", "content": "Go on."}], "max_tokens": 12, "stream": True, **options}
        self._body = json.dumps(body)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        self._lock = threading.Lock()
        self.answered = 0
        self.lost: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, answers: int, seconds: float = 60) -> None:
        """Until so many more answers have come."""
        wanted, deadline = self.answered + answers, time.monotonic() + seconds
        while self.answered < wanted:
            assert time.monotonic() < deadline, f"{self.answered} of {wanted} answers came; lost: {self.lost[:5]}"
            time.sleep(_PAUSE_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            told = self._ask()
            with self._lock:
                if told is None:
                    self.answered += 1
                else:
                    self.lost.append(f"{time.strftime('%H:%M:%S')} {told}")

    def _ask(self) -> str | None:
        """None for a whole answer, else what came in its place."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=60)
        try:
            connection.request("POST", f"{self._url.path}/chat/completions", self._body, self._headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        if answer.status != 200:
            time.sleep(_PAUSE_SECONDS)
            return f"{answer.status}: {text[:200]}"
        return None if text.rstrip().endswith("data: [DONE]") else f"cut off after {len(text)} characters: {text[-200:]}"
