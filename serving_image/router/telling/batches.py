"""The sums of some records, as what the queue takes: batches whose ids and contents follow from the records alone."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from router.telling.record import Record

MOST_ROWS: Final = 90
"""With its mark, a batch is one transaction of DynamoDB's 100 writes."""

_KEY: Final = ("day", "subject", "token_id", "group", "model_id", "version", "hosting", "priced_as")
_SUMMED: Final = (
    "requests", "failed", "broken_off", "estimated", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "images",
    "audio_ms", "characters", "first_tokens", "first_token_ms", "duration_ms", "held_ms",
)  # fmt: skip
_DAY_MS: Final = 86_400_000
_BROKEN_OFF: Final = frozenset({"client_gone", "cut"})


def batches(name: str, records: Iterable[Record]) -> Iterator[tuple[str, bytes]]:
    """`({name}-{number}, JSON of contracts.usage.UsageBatch)` for each 90 rows; the same for the same records, whoever asks."""
    sums: dict[tuple[str, ...], list[int]] = {}
    router_id = ""
    for record in records:
        router_id = record.router_id
        took = _added(record)
        held = sums.setdefault(_key(record), [0] * len(_SUMMED))
        for place, value in enumerate(took):
            held[place] += value
    keys = sorted(sums)
    for number, start in enumerate(range(0, len(keys), MOST_ROWS)):
        batch_id = f"{name}-{number:03d}"
        rows = [_row(key, sums[key]) for key in keys[start : start + MOST_ROWS]]
        yield batch_id, orjson.dumps({"id": batch_id, "router_id": router_id, "rows": rows})


def _key(record: Record) -> tuple[str, ...]:
    day = datetime.fromtimestamp(record.when_ms // _DAY_MS * 86_400, UTC).date().isoformat()
    return (
        day,
        record.subject,
        record.token_id,
        record.group,
        record.model,
        record.version,
        record.hosting,
        record.priced_as,
    )


def _added(record: Record) -> tuple[int, ...]:
    broken_off = record.outcome in _BROKEN_OFF
    first = record.first_token_ms
    return (
        1,
        int(record.outcome != "ok" and not broken_off),
        int(broken_off),
        int(record.estimated),
        record.input_tokens,
        record.output_tokens,
        record.cached_tokens,
        record.reasoning_tokens,
        record.images,
        record.audio_ms,
        record.characters,
        int(first is not None),
        first or 0,
        record.duration_ms,
        record.held_ms,
    )


def _row(key: tuple[str, ...], sums: list[int]) -> dict[str, Any]:
    return dict(zip(_KEY, key, strict=True)) | {name: value for name, value in zip(_SUMMED, sums, strict=True) if value}
