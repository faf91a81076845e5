"""The router's own code, from the bytes of a request to those of its answer, with callers and engines that are played."""

import gc
from pathlib import Path

import pytest
import uvloop

from bench.router.inside import Inside
from bench.router.requests import chat, request


@pytest.mark.parametrize(("stream", "last"), [(None, b"}"), ({"max_tokens": 10, "seed": 0}, b"0\r\n\r\n")], ids=["plain", "stream"])
def test_a_request_leaves_nothing_to_the_garbage_collector(
    stream: dict[str, int] | None, last: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Circles of references would cost a tenth of each request, and memory until somebody looks for them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    inside = Inside(tmp_path, models=2, tokens=3, policy=True)
    requests = [
        request(1, "/v1/chat/completions", chat(model, 600, stream), {"Authorization": f"Bearer {token}"})
        for model in inside.models
        for token in inside.tokens
    ]

    async def garbage(count: int) -> int:
        async with inside.router.engine:
            await inside.run(requests, 200, last)  # connections, caches
            gc.collect()
            gc.disable()
            try:
                await inside.run(requests, count, last)
                return gc.collect()
            finally:
                gc.enable()

    assert uvloop.run(garbage(400)) < 400
