"""The sums of some records, as what the queue takes: batches whose ids and contents follow from the records alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from router.telling.record import Record

MOST_ROWS: Final = 90
"""With its mark, a batch is one transaction of DynamoDB's 100 writes."""
MOST_BATCHES: Final = 1000
"""Of one segment: the number in a batch's id has three digits."""

_KEY: Final = ("day", "subject", "token_id", "group", "model_id", "version", "hosting", "priced_as")
_DAY_MS: Final = 86_400_000
_DAY_SECONDS: Final = 86_400
_BROKEN_OFF: Final = frozenset({"client_gone", "cut"})
_Key = tuple[int, str, str, str, str, str, str, str]


class _Sum:
    """What the records of one key sum up to, by the names that a row has."""

    __slots__ = (
        "audio_ms", "broken_off", "cached_tokens", "characters", "duration_ms", "estimated", "failed", "first_token_ms", "first_tokens",
        "held_ms", "images", "input_tokens", "output_tokens", "reasoning_tokens", "requests",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests = self.failed = self.broken_off = self.estimated = 0
        self.input_tokens = self.output_tokens = self.cached_tokens = self.reasoning_tokens = 0
        self.images = self.audio_ms = self.characters = 0
        self.first_tokens = self.first_token_ms = self.duration_ms = self.held_ms = 0

    def add(self, record: Record) -> None:
        self.requests += 1
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens
        self.cached_tokens += record.cached_tokens
        self.duration_ms += record.duration_ms
        self.held_ms += record.held_ms
        if record.first_token_ms is not None:
            self.first_tokens += 1
            self.first_token_ms += record.first_token_ms
        if record.outcome != "ok":
            broken_off = record.outcome in _BROKEN_OFF
            self.broken_off += broken_off
            self.failed += not broken_off
        self.estimated += record.estimated
        self.reasoning_tokens += record.reasoning_tokens
        self.images += record.images
        self.audio_ms += record.audio_ms
        self.characters += record.characters


class Sums:
    """The sums of records that are added one by one: of some 20,000 of one caller it holds as much as of one."""

    __slots__ = ("_by_key", "_router_id")

    def __init__(self) -> None:
        self._by_key: dict[_Key, _Sum] = {}
        self._router_id = ""

    def add(self, record: Record) -> None:
        """Count a record."""
        self._router_id = record.router_id
        key = (
            record.when_ms // _DAY_MS, record.subject, record.token_id, record.group, record.model, record.version, record.hosting,
            record.priced_as,
        )  # fmt: skip
        held = self._by_key.get(key)
        if held is None:
            held = self._by_key[key] = _Sum()
        held.add(record)

    def batches(self, name: str) -> Iterator[tuple[str, bytes]]:
        """`({name}-{number}, JSON of contracts.usage.UsageBatch)` for each 90 rows; the same for the same records, whoever asks."""
        keys = sorted(self._by_key)
        days = {day: datetime.fromtimestamp(day * _DAY_SECONDS, UTC).date().isoformat() for day in {key[0] for key in keys}}
        for number, start in enumerate(range(0, len(keys), MOST_ROWS)):
            batch_id = f"{name}-{number:03d}"
            rows = [_row(days[key[0]], key, self._by_key[key]) for key in keys[start : start + MOST_ROWS]]
            yield batch_id, orjson.dumps({"id": batch_id, "router_id": self._router_id, "rows": rows})


def _row(day: str, key: _Key, held: _Sum) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(_KEY, (day, *key[1:]), strict=True))
    return row | {name: value for name in _Sum.__slots__ if (value := getattr(held, name))}
