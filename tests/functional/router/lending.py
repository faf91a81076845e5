"""Two routers that share limits: the tables they lease from, an engine that counts what it is used for, and words to limit with."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from aiohttp import web

from contracts.spending import Account, partition_of
from tests.functional.router.platform import Lives, Platform, target, until
from tests.functional.router.stubs import StubAws, StubEngine

SPEND = "spend"
Found = TypeVar("Found")
CHAT = "/v1/chat/completions"


class LendingAws(StubAws):
    """With the accounts of its spend table. `facts`: the ledger rows that were written there, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[tuple[str, str, dict[str, Any]]] = []

    def account(self, kind: str, subject_id: str, period: str) -> Account:
        """What is written down for the period of this kind that runs; an empty account if nothing is."""
        rows = [key for key in self.items if key[:2] == (SPEND, partition_of(kind, subject_id)) and key[2].startswith(period)]
        return Account.parse(json.loads(self.items[max(rows)]["document"]["S"])) if rows else Account()

    def age(self, kind: str, subject_id: str) -> None:
        """Let the time of every lease of a subject be over; on the loop's thread, between two writes of routers."""

        async def work() -> None:
            for key, item in self.items.items():
                if key[:2] == (SPEND, partition_of(kind, subject_id)) and not key[2].startswith("LEDGER#"):
                    document = json.loads(item["document"]["S"])
                    for lease in document["leases"].values():
                        lease["expires_at"] = int(time.time()) - 1
                    revision = int(item["revision"]["N"]) + 1
                    self.items[key] = {**item, "document": {"S": json.dumps(document)}, "revision": {"N": str(revision)}}

        asyncio.run_coroutine_threadsafe(work(), self.loop).result(20)

    def _store(self, table: str, item: dict[str, Any]) -> None:
        if item["sk"]["S"].startswith("LEDGER#"):
            self.facts.append((item["pk"]["S"], item["sk"]["S"], json.loads(item["document"]["S"])))
        super()._store(table, item)


class CountingEngine(StubEngine):
    """Uses `prompt` tokens in, and out what the request allows. While `held`, requests wait; `under_way` of them."""

    def __init__(self) -> None:
        super().__init__()
        self.used = self.under_way = 0
        self.prompt = 1
        self.bodies: list[dict[str, Any]] = []

    def works_on(self, requests: int) -> bool:
        """Whether so many are under way."""
        return self.under_way == requests

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, and count."""
        if request.path == "/status":
            return await super().handle(request)
        document = await request.json()
        self.bodies.append(document)
        usage = {"prompt_tokens": self.prompt, "completion_tokens": document.get("max_tokens", 10)}
        self.used += sum(usage.values())
        self.under_way += 1
        try:
            await self._go.wait()
            await asyncio.sleep(0.005)  # what the work takes
        finally:
            self.under_way -= 1
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
        return web.json_response(
            {"id": "c-1", "object": "chat.completion", "model": "m", "created": 1, "choices": [choice], "usage": usage}
        )


@dataclass
class House:
    """Two routers over the same tables."""

    aws: LendingAws
    platform: Platform
    engine: CountingEngine
    routers: tuple[Lives, Lives]
    lives: list[int]
    names: int = 0

    def subject(self, kind: str) -> "Subject":
        """A token, a group with a token in it, or a model with a token of its group: nobody ever used it."""
        self.names += 1
        group, model_id = f"group-{self.names}", "shared"
        if kind == "model":
            model_id = f"model-{self.names}"
            self.platform.route(model_id, targets=[target(self.engine.port)], allowed_groups=["*"])
        token = self.platform.token(groups=(group,))
        name = {"token": token.split("_")[1], "group": group, "model": model_id}[kind]
        return Subject(self, kind, name, token, model_id)

    def times_away(self) -> float:
        """How often a router could not use the table in time: then it goes on with a slice of what it has not leased."""
        texts = [router.http.get("/metrics").text for router in self.routers]
        return sum(float(re.findall(r"^slipway_router_lease_failures_total (\S+)$", text, re.MULTILINE)[0]) for text in texts)

    def follow(self) -> None:
        """Wait until both routers hold what the tables hold."""
        for router in self.routers:
            router.follows(self.aws)


@dataclass
class Subject:
    """What is limited, and who asks under that limit."""

    house: House
    kind: str
    name: str
    token: str
    model: str

    def limit(self, **limits: Any) -> "Subject":
        """Limit it; both routers know."""
        self.house.platform.limit(self.kind, self.name, **limits)
        self.house.follow()
        return self

    def ask(self, router: int = 0, *, max_tokens: int | None = 10, **more: Any) -> httpx.Response:
        """One request to one of the routers; about `max_tokens` and a handful of tokens by the router's guess."""
        document = {"model": self.model, "messages": [{"role": "user", "content": "x"}]} | more
        if max_tokens is not None:
            document["max_tokens"] = max_tokens
        return self.house.routers[router].post(CHAT, self.token, document)

    def ask_until_let_in(self, router: int, **more: Any) -> httpx.Response:
        """The same, again while it is refused: a router's first lease may take longer than a request waits for it."""
        while (answer := self.ask(router, **more)).status_code == 429:
            pass
        return answer

    def account(self, period: str) -> Account:
        """What is written down for it."""
        return self.house.aws.account(self.kind, self.name, period)

    def settled(self, period: str) -> Account:
        """The account, once nothing is leased of it any more."""
        until(lambda: not self.account(period).leases)
        return self.account(period)


def within_a_minute(work: Callable[[], Found]) -> Found:
    """What the work found in the course of one minute; done again if the minute has turned meanwhile."""
    while True:
        minute = time.time() // 60
        found = work()
        if time.time() // 60 == minute:
            return found
