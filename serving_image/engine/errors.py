"""The one exception that ends a container, carrying the code that everyone downstream sees."""

from contracts.engine import FAILURES

_MAX_TEXT = 900


class EngineError(Exception):
    """A failure of `contracts.engine.FAILURES`, with this case's own sentence and hint where there is something better to say."""

    def __init__(self, code: str, message: str | None = None, hint: str | None = None) -> None:
        kind = FAILURES[code]
        self.code = code
        self.message = _short(message or kind.message)
        self.hint = _short(hint or kind.hint)
        # A failure that only ECS can name has no exit status of its own; it cannot be raised in here.
        self.exit_status = kind.exit_status if kind.exit_status is not None else 1
        super().__init__(f"{code}: {self.message}")


class CancelledWorkError(Exception):
    """Work in a thread was told to stop because the container is stopping."""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
