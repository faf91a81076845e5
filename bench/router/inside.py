"""What our own code costs a request, without the network's share: `python -m bench.router.inside [--stream] [--size BYTES] …`.

The whole path from the bytes of a request to those of its answer runs in one process, over transports that are none: what is written to the
engine is answered on the loop's next turn. So no system call is in it but those that the router makes by itself (the spool's writes), and
what is told, processor time for each request, hardly depends on what else the machine does. The least of several repetitions counts.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import uvloop
from uvicorn.server import ServerState

from bench.router import mock
from bench.router.estate import GROUP, PLENTY
from bench.router.requests import chat, request
from contracts.tokens import Peppers, digest, mint, token_id_of
from router.choosing.memory import PlainCooldowns
from router.engine_connection import EngineConnection
from router.late import Late
from router.log import Log
from router.settings import Settings
from router.warming import settle_garbage
from router.wire import Connection
from router.wiring import Router
from tests.functional.router.platform import PEPPER, target

_TOGETHER: Final = 32
_WHEN: Final = "2026-01-01T00:00:00.000Z"


class _Wire:
    """A transport that is none: what is written goes to `heard`."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self.write = heard

    def writelines(self, parts: list[bytes]) -> None:
        """At once, as a connection would bring them."""
        self.write(b"".join(parts))

    def is_closing(self) -> bool:
        """Never."""
        return False

    def abort(self) -> None:
        """Nothing to close."""

    close = pause_reading = resume_reading = abort


class _Out:
    """Where the log goes."""

    def write(self, _data: bytes) -> None:
        """Nowhere."""

    def flush(self) -> None:
        """Nothing."""


class Inside:
    """A router whose tables are filled by hand, callers and engines that are played."""

    def __init__(self, folder: Path, *, models: int, tokens: int, policy: bool) -> None:
        log = Log(cast("Any", _Out()), service="router")
        settings = Settings("local", "routes", "tokens", "bus", "arn", "key", state_dir=folder, usage_queue_url="queue" if policy else "")
        self.router = Router(settings, Late(PlainCooldowns, log), log)
        self.models = [f"bench-{number}" for number in range(models)]
        self.tokens = [mint(token_id_of(number), f"{number:043d}") for number in range(1, tokens + 1)]
        self._fill(policy=policy)
        self.router.engine.connect = self._connect

    def _fill(self, *, policy: bool) -> None:
        router = self.router
        router.authenticator.peppers = Peppers("1", {"1": PEPPER})
        routes = [router.routes.parse(row) for row in self._routes()]
        router.routes.apply({key: held for key, _, held in routes}, ())
        tokens = [router.tokens.parse(row) for row in self._tokens()]
        router.tokens.apply({key: held for key, _, held in tokens}, ())
        if policy:
            book = router.limiting.book
            limits = [book.parse(row) for row in self._limits()]
            book.apply({key: held for key, _, held in limits}, ())

    def _routes(self) -> list[dict[str, Any]]:
        route = {
            "revision": 1,
            "generation": 1,
            "state": "open",
            "hosting": "hosted",
            "version": "1.0.0",
            "task": "chat",
            "created_at": _WHEN,
        }
        return [route | {"model_id": name, "allowed_groups": [GROUP], "targets": [target(1)]} for name in self.models]

    def _tokens(self) -> list[dict[str, Any]]:
        row = {
            "name": "bench",
            "groups": [GROUP],
            "scopes": ["inference"],
            "created_by": "bench",
            "created_at": _WHEN,
            "generation": 1,
            "pepper_id": "1",
        }
        return [
            row | {"token_id": token.split("_")[1], "principal": f"token:{token.split('_')[1]}", "digest": digest(PEPPER, token)}
            for token in self.tokens
        ]

    def _limits(self) -> list[dict[str, Any]]:
        row = {"generation": 1, "updated_by": "bench", "updated_at": _WHEN}
        rows = [
            row | {"kind": "token", "subject_id": token.split("_")[1], "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY}
            for token in self.tokens
        ]
        rows += [row | {"kind": "model", "subject_id": name, "concurrency": PLENTY} for name in self.models]
        return [*rows, row | {"kind": "group", "subject_id": GROUP, "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY}]

    async def _connect(self, loop: asyncio.AbstractEventLoop, origin: str) -> EngineConnection:
        connection = EngineConnection(self.router.engine, origin, loop)
        upstream = mock.Upstream(loop)

        def heard(data: bytes) -> None:
            loop.call_soon(connection.data_received, data)

        upstream.connection_made(cast("Any", _Wire(heard)))
        connection.connection_made(cast("Any", _Wire(upstream.data_received)))
        return connection

    async def run(self, requests: list[bytes], count: int, last: bytes) -> float:
        """Processor microseconds for each of `count` requests, `_TOGETHER` at a time; an answer ends with `last`."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        state, config = ServerState(), SimpleNamespace(loaded_app=self.router.app, timeout_keep_alive=600)
        state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        left = [count, count]

        def caller() -> None:
            connection = Connection(cast("Any", config), state, {}, loop)

            def heard(data: bytes) -> None:
                if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
                    done.set_exception(RuntimeError(data.decode(errors="replace")))
                elif data.endswith(last):
                    left[1] -= 1
                    if left[1] == 0:
                        done.set_result(None)
                    loop.call_soon(ask)

            def ask() -> None:
                if left[0] > 0:
                    left[0] -= 1
                    connection.data_received(requests[left[0] % len(requests)])

            connection.connection_made(cast("Any", _Wire(heard)))
            ask()

        began = time.process_time()
        for _ in range(_TOGETHER):
            caller()
        await asyncio.wait_for(done, 300)
        return (time.process_time() - began) / count * 1e6


async def _measure(options: argparse.Namespace) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        inside = Inside(Path(folder), models=options.models, tokens=options.tokens, policy=not options.bare)
        stream = {"max_tokens": options.events, "seed": 0} if options.stream else None
        requests = [
            request(
                1,
                "/v1/chat/completions",
                chat(inside.models[place % options.models], options.size, stream),
                {"Authorization": f"Bearer {inside.tokens[place % options.tokens]}"},
            )
            for place in range(max(options.models, options.tokens))
        ]
        last = b"0\r\n\r\n" if options.stream else b"}"
        async with inside.router.engine:  # the loops beside it do not run
            await inside.run(requests, max(200, len(requests)), last)
            settle_garbage()
            return [await inside.run(requests, options.requests, last) for _ in range(options.rounds)]


def main() -> None:
    """Tell the least of the repetitions."""
    parser = argparse.ArgumentParser(prog="python -m bench.router.inside")
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=4_096)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=1)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--bare", action="store_true", help="no limits, no usage")
    options = parser.parse_args()
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # no call is made, but clients want to know where they would go
    found = uvloop.run(_measure(options))
    print(f"{min(found):.1f} µs of processor a request (of {', '.join(f'{each:.1f}' for each in found)})")


if __name__ == "__main__":
    main()
