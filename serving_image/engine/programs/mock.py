"""The mock engine as a process: speaks enough of OpenAI's API for a real client, and fails in every way on demand."""

import asyncio
import itertools
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from engine.programs.lifeline import read_configuration, say

_TEXT = "This is the mock engine speaking . It has no model and no opinion , yet it counts its words ."
_WORDS = tuple(_TEXT.split(" "))
_DEFAULT_TOKENS = 16
_LOAD_STEPS = 20


class MockEngine:
    """Answers as configured. A token is a word."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self._knobs = configuration
        self._random = random.Random(configuration["seed"])  # noqa: S311 - the same run again needs a seed
        self._requests = 0
        self._running = 0
        self._generated = 0
        self._prompted = 0
        self._frozen = asyncio.Event()

    def application(self) -> web.Application:
        """Build the HTTP application."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.add_routes(
            [
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/completions", self._completions),
                web.post("/v1/embeddings", self._embeddings),
            ]
        )
        return application

    async def load(self) -> None:
        """Take as long as configured, telling the progress."""
        for step in range(_LOAD_STEPS):
            say(f"loading {step / _LOAD_STEPS}")
            await asyncio.sleep(self._knobs["load_seconds"] / _LOAD_STEPS)

    async def _health(self, _: web.Request) -> web.Response:
        # Like the real ones: healthy while frozen.
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        figures = {"requests_running": self._running, "generated_tokens_total": self._generated, "prompt_tokens_total": self._prompted}
        return web.Response(text="".join(f"mock:{name} {value}\n" for name, value in figures.items()))

    async def _models(self, request: web.Request) -> web.Response:
        self._authorise(request)
        return web.json_response({"object": "list", "data": [{"id": self._knobs["model_id"], "object": "model", "owned_by": "slipway"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._accept(request)
        prompt = " ".join(str(message.get("content", "")) for message in body.get("messages", []))
        return await self._answer(request, body, prompt, chat=True)

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await self._accept(request)
        return await self._answer(request, body, str(body.get("prompt", "")), chat=False)

    async def _embeddings(self, request: web.Request) -> web.Response:
        body = await self._accept(request)
        texts = body["input"] if isinstance(body.get("input"), list) else [body.get("input", "")]
        size = self._knobs["embedding_dimensions"]
        data = [{"object": "embedding", "index": index, "embedding": _embed(str(text), size)} for index, text in enumerate(texts)]
        count = sum(len(str(text).split()) for text in texts)
        usage = {"prompt_tokens": count, "total_tokens": count}
        return web.json_response({"object": "list", "model": self._knobs["model_id"], "data": data, "usage": usage})

    async def _accept(self, request: web.Request) -> dict[str, Any]:
        self._authorise(request)
        body: dict[str, Any] = await request.json()
        self._requests += 1
        if _reached(self._knobs["crash_after_requests"], self._requests):
            print("RuntimeError: the mock engine crashes as it was told to", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(1)
        if _reached(self._knobs["freeze_after_requests"], self._requests):
            self._running += 1
            await self._frozen.wait()
        if self._random.random() < self._knobs["failure_rate"]:
            raise _error(web.HTTPInternalServerError, "The mock engine fails as it was told to.", "InternalServerError")
        return body

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self._knobs['key']}":
            raise _error(web.HTTPUnauthorized, "Unauthorized", "invalid_request_error")

    async def _answer(self, request: web.Request, body: dict[str, Any], prompt: str, *, chat: bool) -> web.StreamResponse:
        prompted = len(prompt.split())
        wanted = int(body.get("max_tokens") or body.get("max_completion_tokens") or _DEFAULT_TOKENS)
        if prompted + 1 > self._knobs["context_length"]:
            text = f"This model's maximum context length is {self._knobs['context_length']} tokens. Your prompt has {prompted}."
            raise _error(web.HTTPBadRequest, text, "BadRequestError")
        self._prompted += prompted
        usage = {"prompt_tokens": prompted, "completion_tokens": wanted, "total_tokens": prompted + wanted}
        self._running += 1
        try:
            if body.get("stream"):
                return await self._stream(request, body, wanted, usage, chat=chat)
            words = [word async for word in self._words(wanted)]
        finally:
            self._running -= 1
        return web.json_response(self._piece(" ".join(words), "length", usage, chat=chat, stream=False))

    async def _stream(
        self, request: web.Request, body: dict[str, Any], wanted: int, usage: dict[str, int], *, chat: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        async for word in self._words(wanted):
            await response.write(_event(self._piece(word + " ", None, None, chat=chat, stream=True)))
        await response.write(_event(self._piece("", "length", None, chat=chat, stream=True)))
        if (body.get("stream_options") or {}).get("include_usage"):
            await response.write(_event(self._piece("", None, usage, chat=chat, stream=True) | {"choices": []}))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _words(self, count: int) -> AsyncIterator[str]:
        await asyncio.sleep(self._knobs["first_token_ms"] / 1000)
        pause = 1 / self._knobs["tokens_per_second"] if self._knobs["tokens_per_second"] else 0
        for number, word in enumerate(itertools.islice(itertools.cycle(_WORDS), count)):
            if number and pause:
                await asyncio.sleep(pause)
            self._generated += 1
            yield word

    def _piece(self, text: str, finish: str | None, usage: dict[str, int] | None, *, chat: bool, stream: bool) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if chat:
            choice["delta" if stream else "message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        kind = ("chat.completion" if chat else "text_completion") + (".chunk" if stream and chat else "")
        piece = {"id": f"mock-{self._requests}", "object": kind, "created": int(time.time()), "model": self._knobs["model_id"]}
        return piece | {"choices": [choice]} | ({"usage": usage} if usage else {})


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count > limit


def _event(piece: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(piece, separators=(",", ":")).encode() + b"\n\n"


def _embed(text: str, size: int) -> list[float]:
    source = random.Random(text)  # noqa: S311 - the same text must give the same vector
    return [round(source.uniform(-1, 1), 6) for _ in range(size)]


def _error(kind: type[web.HTTPException], message: str, name: str) -> web.HTTPException:
    body = {"error": {"message": message, "type": name, "param": None, "code": kind.status_code}}
    return kind(text=json.dumps(body), content_type="application/json")


async def _serve(configuration: dict[str, Any]) -> None:
    engine = MockEngine(configuration)
    say("version 1")
    await engine.load()
    if configuration["fail_with"]:
        say(f"failure {configuration['fail_with']}")
        return
    runner = web.AppRunner(engine.application(), access_log=None, keepalive_timeout=60, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say(f"listening http://127.0.0.1:{runner.addresses[0][1]}")
    if configuration["crash_after_seconds"] is None:
        await asyncio.Event().wait()
    await asyncio.sleep(configuration["crash_after_seconds"])
    print("RuntimeError: the mock engine crashes as it was told to", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(1)


if __name__ == "__main__":
    asyncio.run(_serve(read_configuration()))
