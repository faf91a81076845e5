"""The mock engine as a process: speaks the APIs of OpenAI and Anthropic to real clients, and fails in every way on demand."""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NoReturn

from aiohttp import BodyPartReader, web

from contracts import inference
from engine.programs.lifeline import read_configuration, say
from engine.programs.mocked import chat, media, messages, responses
from engine.programs.mocked.reply import Ask, Events, Reply, reply_to, words_in

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Whole = Callable[[Reply], dict[str, Any]]
Stream = Callable[[Reply], Events]

_SOUND_BYTES = 16_384
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
                *(web.post(path, handler) for path, handler in self._endpoints().items()),
            ]
        )
        return application

    def _endpoints(self) -> dict[str, Handler]:
        model, size = self._knobs["model_id"], self._knobs["embedding_dimensions"]
        rerank = self._telling(lambda body: media.rerank(body, model, self._requests))
        return {
            inference.CHAT: self._talking(chat.ask_chat, chat.whole_chat, chat.stream_chat),
            inference.COMPLETIONS: self._talking(chat.ask_completion, chat.whole_completion, chat.stream_completion),
            inference.RESPONSES: self._talking(responses.ask, responses.whole, responses.stream),
            inference.MESSAGES: self._talking(messages.ask, messages.whole, messages.stream),
            inference.COUNT_TOKENS: self._telling(messages.count),
            inference.EMBEDDINGS: self._telling(lambda body: media.embeddings(body, model, size)),
            inference.RERANK: rerank,
            inference.RERANK_2: rerank,
            inference.IMAGES: self._telling(media.images),
            inference.IMAGE_EDITS: self._edit,
            inference.TRANSCRIPTIONS: self._hear,
            inference.TRANSLATIONS: self._hear,
            inference.SPEECH: self._speak,
            inference.MODERATIONS: self._telling(lambda body: media.moderation(body, model, self._requests)),
        }

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

    def _talking(self, ask: Callable[[dict[str, Any]], Ask], whole: Whole, stream: Stream) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            body = await self._accept(request)
            asked = ask(body)
            prompted = words_in(asked.texts)
            if prompted + 1 > self._knobs["context_length"]:
                text = f"This model's maximum context length is {self._knobs['context_length']} tokens. Your prompt has {prompted}."
                raise _error(web.HTTPBadRequest, text, "BadRequestError")
            self._prompted += prompted
            reply = reply_to(asked, self._requests, self._knobs["model_id"], body)
            if body.get("stream"):
                return await self._stream(request, stream(reply))
            with self._at_work():
                for place in range(reply.usage.completion):
                    await self._take_time(place)
            return web.json_response(whole(reply))

        return answer

    def _telling(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Handler:
        async def tell(request: web.Request) -> web.Response:
            return web.json_response(answer(await self._accept(request)))

        return tell

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        fields, files = await self._accept_form(request)
        if "file" not in files:
            raise _error(web.HTTPBadRequest, "There is no file.", "BadRequestError")
        if fields.get("stream") == "true":
            return await self._stream(request, media.transcription_events(files["file"]))
        kind, text = media.transcription(fields, files["file"])
        return web.Response(text=text, content_type=kind)

    async def _edit(self, request: web.Request) -> web.Response:
        fields, _ = await self._accept_form(request)
        return web.json_response(media.images(dict(fields)))

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        body = await self._accept(request)
        kind = media.KINDS.get(body.get("response_format") or "mp3")
        if kind is None:
            raise _error(web.HTTPBadRequest, f"response_format is one of {', '.join(media.KINDS)}.", "BadRequestError")
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        sound = media.speech(body)
        with self._at_work():
            for place, at in enumerate(range(0, len(sound), _SOUND_BYTES)):
                await self._take_time(place)
                await response.write(sound[at : at + _SOUND_BYTES])
        await response.write_eof()
        return response

    async def _accept(self, request: web.Request) -> dict[str, Any]:
        self._authorise(request)
        body: dict[str, Any] = await request.json()
        await self._fail_as_told()
        return body

    async def _accept_form(self, request: web.Request) -> tuple[dict[str, str], dict[str, int]]:
        """The texts of a form, and the sizes of its files."""
        self._authorise(request)
        fields: dict[str, str] = {}
        files: dict[str, int] = {}
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader):
                if part.filename is None:
                    fields[str(part.name)] = await part.text()
                else:
                    files[str(part.name).removesuffix("[]")] = len(await part.read())
        await self._fail_as_told()
        return fields, files

    async def _fail_as_told(self) -> None:
        self._requests += 1
        if _reached(self._knobs["crash_after_requests"], self._requests):
            _crash()
        if _reached(self._knobs["freeze_after_requests"], self._requests):
            self._running += 1
            await self._frozen.wait()
        if self._random.random() < self._knobs["failure_rate"]:
            raise _error(web.HTTPInternalServerError, "The mock engine fails as it was told to.", "InternalServerError")

    def _authorise(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {self._knobs['key']}":
            raise _error(web.HTTPUnauthorized, "Unauthorized", "invalid_request_error")

    async def _stream(self, request: web.Request, events: Events) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        place = 0
        with self._at_work():
            for event, is_token in events:
                if is_token:
                    await self._take_time(place)
                    place += 1
                await response.write(event)
        await response.write_eof()
        return response

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _take_time(self, place: int) -> None:
        """What the token at this place takes."""
        pause = (
            self._knobs["first_token_ms"] / 1000
            if place == 0
            else 1 / self._knobs["tokens_per_second"]
            if self._knobs["tokens_per_second"]
            else 0
        )
        if pause:
            await asyncio.sleep(pause)
        self._generated += 1


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count > limit


def _error(kind: type[web.HTTPException], message: str, name: str) -> web.HTTPException:
    body = {"error": {"message": message, "type": name, "param": None, "code": kind.status_code}}
    return kind(text=json.dumps(body), content_type="application/json")


def _crash() -> NoReturn:
    sys.stderr.write("RuntimeError: the mock engine crashes as it was told to\n")
    sys.stderr.flush()
    os._exit(1)


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
    _crash()


if __name__ == "__main__":
    asyncio.run(_serve(read_configuration()))
