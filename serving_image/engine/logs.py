"""One JSON object a line on standard output; never a prompt, never a secret."""

import json
import logging
import sys
from datetime import UTC, datetime

from engine.state import State

log = logging.getLogger("engine")

_MAX_LINE = 4096
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record with the container's identity and phase; secrets given to `hide` are replaced wherever they turn up."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        """Never let this text out."""
        if secret:
            self._secrets |= {secret, json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]}

    def clean(self, text: str) -> str:
        """Return the text without what is hidden, in whichever of JSON's spellings."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON: time, level, message, model_id, version, phase and the record's extra fields."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "message": self.clean(message)[:_MAX_LINE],  # first cleaned, then cut: half a secret is found by nobody
            "model_id": self._state.model_id,
            "version": self._state.version,
            "phase": str(self._state.phase),
        }
        entry.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        return self.clean(json.dumps(entry, ensure_ascii=False, default=str))


def configure(state: State) -> JsonFormatter:
    """Send every logger of the process to standard output as JSON; libraries only from WARNING upwards."""
    formatter = JsonFormatter(state)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(logging.INFO)
    return formatter
