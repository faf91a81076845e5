"""What a person sees while things happen: a spinner with seconds on a terminal, plain lines elsewhere."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.status import Status
from rich.text import Text

TICK_SECONDS = 0.2
REMIND_SECONDS = 10.0


class Progress:
    """Prints phases; `note` changes what the running phase says it is doing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.started = time.monotonic()
        self._detail = ""

    @contextlib.contextmanager
    def phase(self, title: str) -> Iterator["Progress"]:
        """A step with its time; a failing one is marked and the exception goes on."""
        began, done = time.monotonic(), threading.Event()
        self._detail = ""
        if self.console.is_terminal:
            status = self.console.status(title)
            status.start()
        else:
            status = None
            self.console.print(f"… {title}")
        ticker = threading.Thread(target=self._tick, args=(title, began, done, status), daemon=True)
        ticker.start()
        mark = "[red]✗[/red]"
        try:
            yield self
            mark = "[green]✓[/green]"
        finally:
            done.set()
            ticker.join()
            if status:
                status.stop()
            detail = f" [dim]{self._detail}[/dim]" if self._detail else ""
            self.console.print(f"{mark} {title}{detail} [dim]{time.monotonic() - began:.1f} s[/dim]")

    def _tick(self, title: str, began: float, done: threading.Event, status: Status | None) -> None:
        while not done.wait(TICK_SECONDS if status else REMIND_SECONDS):
            detail = f" · {self._detail}" if self._detail else ""
            text = f"{title}{detail} · {time.monotonic() - began:.0f} s"
            if status:
                status.update(text)
            else:
                self.console.print(f"  … {text}")

    def note(self, detail: str) -> None:
        """Say what the running phase is at."""
        self._detail = detail

    def line(self, text: str) -> None:
        """A line of its own."""
        self.console.print(text)

    def line_of(self, text: Text) -> None:
        """A styled line of its own."""
        self.console.print(text)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started
