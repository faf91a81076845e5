"""A function that prints nothing is not made to wait 50 ms for output that will not come."""

from typing import Any

from ministack.core import lambda_runtime

from local.emulator.pin import expect

FIRST_LINE_SECONDS = 0.003


def apply() -> None:
    """Shorten the wait for the first line; a line that comes later is read with the next invocation."""
    worker = lambda_runtime.Worker
    stock = worker._drain_stderr_bounded
    expect(stock, "first_line_wait: float = 0.050", "idle_confirm: float = 0.005")

    def drain(self: Any) -> Any:
        return stock(self, FIRST_LINE_SECONDS, FIRST_LINE_SECONDS)

    worker._drain_stderr_bounded = drain
