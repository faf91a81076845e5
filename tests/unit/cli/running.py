"""Runs a command in this process against a management API that answers as it is told."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import typer.main
from typer.testing import CliRunner

from slipway_cli.app import app
from slipway_cli.session import Tools
from tests.fakes.management import FakeManagement

COMMAND = typer.main.get_command(app)  # made once: it takes as long as all the rest of a command
TOKEN = "slp_abcdefghijklmn23_of-the-administrator"
ENVIRONMENT = {
    "MANAGEMENT_URL": "https://api.example/dev",
    "ADMIN_TOKEN": TOKEN,
    "OPENAI_BASE_URL": "https://models.example/v1",
    "OPENAI_API_KEY": "slp_of-the-application",
    "HOME": "/nowhere",
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Terminal:
    """Somebody at a command line: what they answer, and what is done in their name."""

    api: FakeManagement = field(default_factory=FakeManagement)
    environ: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
    agrees: bool | None = None
    secret: str = ""
    transport: httpx.BaseTransport | None = None
    slept: list[float] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    now: float = 0.0
    interrupts_after: int | None = None

    def run(self, *words: str, stdin: str = "") -> Ended:
        """Type the words."""
        tools = Tools(
            environ=self.environ,
            transport=self.transport or Prefixed(self.api),
            sleep=self._sleep,
            monotonic=lambda: self.now,
            jitter=lambda _low, high: high,
            new_key=lambda: "key-of-this-invocation",
            is_terminal=lambda: self.agrees is not None or bool(self.secret),
            confirm=self._confirm,
            ask_secret=self._ask,
        )
        with CliRunner().isolation(input=stdin) as (out, err, _):
            try:
                COMMAND.main(list(words), prog_name="slipway", obj=tools)
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            sys.stdout.flush()
            sys.stderr.flush()
            return Ended(code, out.getvalue().decode(), err.getvalue().decode())

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.interrupts_after is not None and len(self.slept) >= self.interrupts_after:
            raise KeyboardInterrupt

    def _confirm(self, question: str) -> bool:
        self.questions.append(question)
        return bool(self.agrees)

    def _ask(self, question: str) -> str:
        self.questions.append(question)
        return self.secret


class Prefixed(httpx.BaseTransport):
    """The fake, below the path that the address in the environment ends in."""

    def __init__(self, api: FakeManagement) -> None:
        self._inner = api.transport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Take the address's own path off, as an API's stage or a router does."""
        request.url = request.url.copy_with(raw_path=request.url.raw_path.removeprefix(b"/dev"))
        return self._inner.handle_request(request)


def last(terminal: Terminal) -> Any:
    """The last request."""
    return terminal.api.asked[-1]


def without(terminal: Terminal, *names: str) -> Terminal:
    """The same terminal with fewer variables."""
    return replace(terminal, environ={name: value for name, value in terminal.environ.items() if name not in names})
