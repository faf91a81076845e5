"""Stand-ins for everything around a router process: AWS, an engine's container, a third party. Each has a loop and a thread of its own."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ENGINE_KEY = "engine-key-of-this-environment"


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 3}}
USAGE_EVENT = b'data: {"id":"c-1","object":"chat.completion.chunk","model":"m","choices":[],"usage":%b}\n\n' % json.dumps(USAGE).encode()


class Stub:
    """An HTTP server on 127.0.0.1 whose requests all go to `handle`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started = threading.Event()
        self._stop = asyncio.Event()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        raise NotImplementedError

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()


class StubAws(Stub):
    """DynamoDB's GetItem, Query and conditional writes, Secrets Manager, PutEvents, SendMessage, and an OIDC issuer's keys.

    `alive` False drops every call to the tables, the bus and the queue; `forgets` lets the queue take messages and answer nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive, self.forgets = True, False
        self.messages: list[dict[str, Any]] = []
        self.items: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.keys: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self._operations = {
            "GetItem": self._get,
            "Query": self._query,
            "PutItem": lambda body: self._write([body]),
            "TransactWriteItems": lambda body: self._write([write["Put"] for write in body["TransactItems"]]),
            "PutEvents": self._put_events,
            "SendMessage": self._send,
        }

    def put(self, table: str, pk: str, sk: str, document: dict[str, Any] | str, revision: int | None = None) -> None:
        """Write a row in the form that `kit.table` gives rows."""
        text = document if isinstance(document, str) else json.dumps(document)
        item: dict[str, Any] = {"pk": {"S": pk}, "sk": {"S": sk}, "document": {"S": text}}
        if revision is not None:
            item["revision"] = {"N": str(revision)}
        self.items[table, pk, sk] = item

    def revision(self, table: str, pk: str) -> int:
        """How far a feed has come."""
        head = self.items.get((table, pk, "HEAD"))
        return int(head["revision"]["N"]) if head else 0

    def append(self, table: str, pk: str, sk: str, document: dict[str, Any] | None, data: dict[str, Any]) -> int:
        """Change a row of a feed: the row, its ledger row and, last, the head; answers the new revision."""
        revision = self.revision(table, pk) + 1
        if document is None:
            self.items.pop((table, pk, sk), None)
        else:
            self.put(table, pk, sk, document)
        self.put(table, pk, f"LEDGER#{revision:012d}", {"event_type": "Changed", "metadata": {}, "data": data, "revision": revision})
        self.put(table, pk, "HEAD", {}, revision)
        return revision

    def wait_for_event(self, matches: Callable[[dict[str, Any]], bool], seconds: float = 20.0) -> dict[str, Any]:
        """The first event (PutEvents entry with its detail decoded) that matches; AssertionError if none comes."""
        found: list[dict[str, Any]] = []

        def seen() -> bool:
            found[:] = [event for event in self.events if matches(event)]
            return bool(found)

        with self.changed:
            assert self.changed.wait_for(seen, seconds), [event["detail"]["data"] for event in self.events]
        return found[0]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer by the operation in AWS's header."""
        if request.path == "/jwks":
            return web.json_response({"keys": self.keys})
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        body = await request.json()
        if operation == "GetSecretValue":
            text = self.secrets.get(body["SecretId"])
            if text is None:
                return _aws_error("ResourceNotFoundException")
            return _aws({"ARN": body["SecretId"], "Name": "secret", "SecretString": text})
        if not self.alive:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return self.call(operation, body)

    def call(self, operation: str, body: dict[str, Any]) -> web.Response:
        """Answer one call of DynamoDB, EventBridge or SQS."""
        return self._operations[operation](body)

    def _get(self, body: dict[str, Any]) -> web.Response:
        assert body["ConsistentRead"]
        item = self.items.get((body["TableName"], body["Key"]["pk"]["S"], body["Key"]["sk"]["S"]))
        return _aws({"Item": item} if item else {})

    def _query(self, body: dict[str, Any]) -> web.Response:
        assert body["ConsistentRead"]
        values = {name: value["S"] for name, value in body["ExpressionAttributeValues"].items()}
        found = [
            item
            for (table, pk, sk), item in sorted(self.items.items())
            if table == body["TableName"]
            and pk == values[":pk"]
            and (sk.startswith(values[":prefix"]) if ":prefix" in values else values[":low"] <= sk <= values[":high"])
        ]
        return _aws({"Items": found, "Count": len(found), "ScannedCount": len(found)})

    def _write(self, puts: list[dict[str, Any]]) -> web.Response:
        allowed = [self._allows(put) for put in puts]
        if not all(allowed) and len(puts) == 1:
            return _aws_error("ConditionalCheckFailedException")
        if not all(allowed):
            reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in allowed]
            return _aws_error("TransactionCanceledException", CancellationReasons=reasons)
        for put in puts:
            self._store(put["TableName"], put["Item"])
        return _aws({})

    def _store(self, table: str, item: dict[str, Any]) -> None:
        self.items[table, item["pk"]["S"], item["sk"]["S"]] = item

    def _allows(self, put: dict[str, Any]) -> bool:
        condition = put.get("ConditionExpression")
        held = self.items.get((put["TableName"], put["Item"]["pk"]["S"], put["Item"]["sk"]["S"]))
        if condition is None:
            return True
        if condition == "attribute_not_exists(pk)":
            return held is None
        assert condition == "revision = :r", condition
        return held is not None and held["revision"] == put["ExpressionAttributeValues"][":r"]

    def _put_events(self, body: dict[str, Any]) -> web.Response:
        with self.changed:
            self.events += [{**entry, "detail": json.loads(entry["Detail"])} for entry in body["Entries"]]
            self.changed.notify_all()
        return _aws({"FailedEntryCount": 0, "Entries": [{"EventId": str(place)} for place, _ in enumerate(body["Entries"])]})

    def _send(self, body: dict[str, Any]) -> web.Response:
        with self.changed:
            self.messages.append(json.loads(body["MessageBody"]))
            self.changed.notify_all()
        if self.forgets:
            return _aws_error("InternalError")
        digest = hashlib.md5(body["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        return _aws({"MessageId": str(len(self.messages)), "MD5OfMessageBody": digest})


class StubEngine(Stub):
    """An engine's container. Streams send one event, then wait for `go`; `left` is set when a caller went away before the end."""

    def __init__(self, model_id: str = "tiny") -> None:
        super().__init__()
        self.model_id, self.phase = model_id, "ready"
        self.progress: float | None = None
        self.failure: dict[str, str] | None = None
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 200
        self.refusal: dict[str, Any] | None = None
        self.left, self.streaming = threading.Event(), threading.Event()
        self.silent = self._breaks = False
        self._go = asyncio.Event()
        self._go.set()

    def hold(self) -> None:
        """Let streams wait after their first event."""
        self.left.clear()
        self.streaming.clear()
        self.loop.call_soon_threadsafe(self._go.clear)

    def go(self) -> None:
        """Let streams go on."""
        self.loop.call_soon_threadsafe(self._go.set)

    def break_off(self) -> None:
        """Let open streams end in the middle, as a crash would."""
        self._breaks = True
        self.go()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `/status` and OpenAI's three."""
        if request.path == "/status":
            return web.json_response(self._status())
        body = await request.read()
        self.requests.append((request.path, {name.lower(): value for name, value in request.headers.items()}, body))
        document = {} if request.content_type == "multipart/form-data" else json.loads(body)
        if self.silent:
            await asyncio.Event().wait()
        if request.headers.get("Authorization") != f"Bearer {ENGINE_KEY}":
            return web.json_response({"error": "Unauthorized"}, status=401)
        if self.status != 200 or self.refusal is not None:
            return web.json_response(self.refusal or {"error": {"message": "no"}}, status=self.status)
        if document.get("stream"):
            return await self._stream(request, tells=bool((document.get("stream_options") or {}).get("include_usage")))
        return web.Response(body=answer(request.path, document), content_type="application/json")

    def _status(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "progress": self.progress,
            "since": "2026-01-01T00:00:00Z",
            "model_id": self.model_id,
            "version": "1.0.0",
            "engine": {"kind": "mock", "version": "1"},
            "in_flight": 0,
            "failure": self.failure,
        }

    async def _stream(self, request: web.Request, *, tells: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await response.write(event("Hel"))
            self.streaming.set()
            await self._go.wait()
            if self._breaks and request.transport is not None:
                self._breaks = False
                request.transport.abort()
            await response.write(event("lo"))
            if tells:
                await response.write(USAGE_EVENT)
            await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response


class StubProvider(Stub):
    """A third party that speaks OpenAI's language and takes one key."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self.requests: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as OpenAI would; `/moved/…` redirects."""
        if request.path.startswith("/moved/"):
            return web.Response(status=307, headers={"Location": request.path.removeprefix("/moved")})
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            return web.json_response({"error": {"message": f"Incorrect API key {self._key}", "code": "invalid_api_key"}}, status=401)
        document = await request.json()
        self.requests.append(document)
        if not document.get("stream"):
            return web.Response(body=answer(request.path, document), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in (event("Hel"), event("lo"), event("", finish="stop"), b"data: [DONE]\n\n"):
            await response.write(part)
        return response


def answer(path: str, document: dict[str, Any]) -> bytes:
    """OpenAI's answer to a request that is not streamed."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    if path.endswith("embeddings"):
        return json.dumps(
            {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}], "usage": usage}
        ).encode()
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    choice |= {"message": {"role": "assistant", "content": "Hello"}} if "messages" in document else {"text": "Hello"}
    kind = "chat.completion" if "messages" in document else "text_completion"
    return json.dumps({"id": "c-1", "object": kind, "created": 1, "model": "m", "choices": [choice], "usage": usage}).encode()


def event(text: str, finish: str | None = None) -> bytes:
    """One event of a streamed chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return (
        b"data: "
        + json.dumps({"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}).encode()
        + b"\n\n"
    )


def _aws(document: dict[str, Any]) -> web.Response:
    return web.Response(text=json.dumps(document), content_type="application/x-amz-json-1.1")


def _aws_error(code: str, **more: Any) -> web.Response:
    return web.Response(status=400, text=json.dumps({"__type": code, "message": code, **more}), content_type="application/x-amz-json-1.1")
