"""What every command has in common: where the platform is, one client, one output, and the ways of a read and of a change."""

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from random import uniform
from typing import Any

import httpx
import typer
from rich.console import RenderableType
from rich.text import Text

from slipway_cli import plans, views
from slipway_cli.client import TIMEOUT, USER_AGENT, Api, Reply, Tries
from slipway_cli.errors import CliError, RefusedError, UsageError
from slipway_cli.follow import Follower, check
from slipway_cli.output import Column, Format, Output, clean, is_terminal
from slipway_cli.settings import NO_PLATFORM_HINT, Settings, is_loopback, load


@dataclass(frozen=True)
class Tools:
    """What touches the world; tests bring their own."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[float, float], float] = uniform
    new_key: Callable[[], str] = lambda: f"slipway-{uuid.uuid4()}"
    is_terminal: Callable[[], bool] = is_terminal
    confirm: Callable[[str], bool] = lambda question: typer.confirm(question, err=True)
    ask_secret: Callable[[str], str] = lambda question: str(typer.prompt(question, hide_input=True, err=True))


@dataclass(frozen=True)
class Options:
    """The options that commands share. Each command takes some of them; the others stay as they are here."""

    profile: str | None = None
    env_file: Path | None = None
    output: Format = Format.TABLE
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    limit: int | None = None
    next_token: str | None = None
    all: bool = False
    wait: bool = False
    timeout: float | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    dry_run: bool = False
    yes: bool = False
    acknowledge: str | None = None


@dataclass
class Session:
    """One invocation. Errors are CliErrors; whoever runs the command prints them."""

    options: Options
    tools: Tools

    @cached_property
    def output(self) -> Output:
        """Where results and everything else go."""
        return Output(Format.JSON if self.options.json else self.options.output, self.options.quiet, self.options.verbose)

    @cached_property
    def settings(self) -> Settings:
        """The platform that we talk to."""
        return load(self.tools.environ, profile=self.options.profile, env_file=self.options.env_file)

    @cached_property
    def api(self) -> Api:
        """The management API."""
        return Api(
            self.http("management_url", self.token("token", "API token")),
            Tries(self.tools.sleep, self.tools.jitter),
            self.output.trace,
            lambda why, seconds: self.output.note(f"{why}; trying again in {seconds:.1f} s"),
        )

    @cached_property
    def key(self) -> str:
        """The Idempotency-Key of this invocation: the one given, or a new one; the same however often something is sent."""
        return self.options.idempotency_key or self.tools.new_key()

    def http(self, address: str, token: str | None) -> httpx.Client:
        """A client for `management_url` or `openai_base_url`. What is on this machine is never reached through a proxy."""
        url = httpx.URL(self.settings.address(address) + "/")
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return httpx.Client(
            base_url=url, headers=headers, timeout=TIMEOUT, transport=self.tools.transport, trust_env=not is_loopback(url.host)
        )

    def token(self, which: str, name: str) -> str:
        """A secret of the settings; without one, a person is asked. It is never printed. Raises UsageError where there is nobody to ask."""
        secret = str(getattr(self.settings, which))
        if not secret and self.tools.is_terminal():
            secret = self.tools.ask_secret(f"{name} for {self.settings.source}")
        if not secret:
            raise UsageError(f"{self.settings.source} holds no {name}", NO_PLATFORM_HINT)
        if not (secret.isascii() and secret.isprintable() and " " not in secret):
            raise UsageError(f"the {name} of {self.settings.source} holds characters that no token has")
        return secret

    def show(self, path: str, view: Callable[[Any], RenderableType]) -> None:
        """Read one resource and print it."""
        self.output.document(self.api.request("GET", path).body, view)

    def rows(self, path: str, columns: Sequence[Column], empty: str, query: Mapping[str, object | None] | None = None) -> None:
        """Read a list and print it: one page, or every one with --all."""
        self.output.rows(self.pages(path, query), columns, empty)

    def pages(self, path: str, query: Mapping[str, object | None] | None = None) -> Iterable[dict[str, Any]]:
        """The first page that holds something, or every one with --all. What is None is not asked for."""
        asked = {"limit": self.options.limit, "next_token": self.options.next_token, **(query or {})}
        pages = self.api.pages(path, {name: str(value) for name, value in asked.items() if value is not None})
        return pages if self.options.all else _first(pages)

    def change(
        self, method: str, path: str, body: Any = None, view: Callable[[Any], RenderableType] = views.generic, *, wanted: str = "Succeeded"
    ) -> None:
        """Send a change, and tell what became of it; see `send` and `answer`."""
        self.answer(self.send(method, path, body), view, wanted=wanted)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send a change: its answer's body. One that interrupts is shown, and sent again once somebody has agreed; else RefusedError."""
        if self.options.acknowledge:
            body = {**(body or {}), "acknowledge": self.options.acknowledge}
        return self._acknowledged(method, path, body).body

    def answer(self, answer: Any, view: Callable[[Any], RenderableType] = views.generic, *, wanted: str = "Succeeded") -> None:
        """Tell what became of a change: the plan of a dry run, an operation accepted or (with --wait) ended as wanted, or a resource."""
        if self.options.dry_run:
            self.output.document(answer, plans.plan)
        elif isinstance(answer, dict) and "operation_id" in answer:
            self._operation(answer, wanted)
        else:
            self.output.document(answer, view)

    def _acknowledged(self, method: str, path: str, body: Any) -> Reply:
        """The answer; a change that interrupts is shown, and sent again once somebody has agreed. Raises RefusedError if nobody does."""
        try:
            return self._send(method, path, body)
        except RefusedError as refusal:
            token = refusal.problem.get("acknowledge")
            if not refusal.needs_acknowledgement or not isinstance(token, str):
                raise
            if self.output.for_people:
                self.output.aside(views.blast_radius(refusal.problem))
            if not (self.options.yes or (self.tools.is_terminal() and self.tools.confirm("Go ahead?"))):
                refusal.hint = f"To go ahead, send it again with --acknowledge {token}, or with --yes."
                raise
            return self._send(method, path, {**(body or {}), "acknowledge": token})

    def _send(self, method: str, path: str, body: Any) -> Reply:
        query = {"dry_run": "true"} if self.options.dry_run else None
        return self.api.request(method, path, query=query, body=body, key=self.key, if_match=self._if_match(path))

    def _if_match(self, path: str) -> str | None:
        """The ETag to send: a generation gets its quotes; `current` is the one that what is changed has at this moment."""
        given = self.options.if_match
        if given != "current":
            return f'"{given}"' if given and given.isdecimal() else given
        parts = path.split("/")
        own = parts[1] == "limits" or parts[3:4] == ["traffic"]  # of these every one has its own generation; the rest has its model's
        return self.api.request("GET", "/".join(parts[: 4 if own else 3])).etag

    def _operation(self, accepted: Mapping[str, Any], wanted: str) -> None:
        operation_id = str(accepted["operation_id"])
        if self.options.wait:
            self.follow(operation_id, self.options.timeout, wanted)
        elif self.output.for_people:
            text = Text("✓ ", style="green").append(f"{clean(accepted.get('model_id', ''))}: accepted as operation ", style="default")
            self.output.line(text.append(clean(operation_id), style="bold"))
            self.output.note(f"Follow it with: slipway operations wait {operation_id}")
        else:
            self.output.document(dict(accepted), views.generic)

    def follow(self, operation_id: str, timeout: float | None = None, wanted: str = "Succeeded") -> None:
        """Wait for an operation's end and print it. Raises CliError if it is another end than the one wanted."""
        follower = Follower(self.api, self.output, self.tools.sleep, self.tools.monotonic)
        operation = follower.wait(operation_id, timeout)
        if not self.output.for_people:
            self.output.document(operation, views.operation)
        check(operation, wanted)

    def agree(self, question: str) -> None:
        """Go on only if a person says so, or --yes did; a dry run needs nobody's word. Raises UsageError, CliError."""
        if self.options.yes or self.options.dry_run:
            return
        if not self.tools.is_terminal():
            raise UsageError("there is nobody here to confirm this", "Say --yes.")
        if not self.tools.confirm(question):
            raise CliError("nothing was done")


def _first(pages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pages to the first that holds something: where a filter passes few, the API answers with empty ones and a token to go on with."""
    for page in pages:
        yield page
        if page["items"]:
            return
