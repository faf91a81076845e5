"""Rows by the million: written into the emulator's saved state while it is stopped, for through its API they would take hours."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JSON = dict[str, Any]
LONG = "bench-long"  # the model with the longest timeline that there can be of so many entries
_MARK, _ROWS = 987654321012, "@@rows@@"
_AT_A_TIME = 10_000


def fill(state: Path, saved_text: str, table: str, patterns: dict[str, JSON], amounts: tuple[int, int]) -> None:
    """Write to `state` what was saved, with so many models and ledger entries more in a table.

    `patterns` has a real `model` row and a real ledger `entry`; the entries are all of one model, and differ in their revision only.
    """
    saved = json.loads(saved_text)
    found = next(value for key, value in saved["payload"]["tables"]["data"].items() if key.endswith(f"{table!r}"))
    for name in [*(f"bench-{number:06d}" for number in range(amounts[0] - 1)), LONG]:
        found["items"][f"MODEL#{name}"] = {"MODEL": _model(patterns["model"], name)}
    found["items"][f"MODEL#{LONG}"][_ROWS] = {}
    found["ItemCount"] = sum(len(rows) for rows in found["items"].values()) - 1 + amounts[1]
    before, after = json.dumps(saved).split(f'"{_ROWS}": {{}}')
    with state.open("w") as file:
        file.write(before)
        for text in _entries(patterns["entry"], amounts[1]):
            file.write(text)
        file.write(after)


def _model(row: JSON, name: str) -> JSON:
    document = json.loads(row["document"]["S"]) | {"model_id": name}
    document["spec"] = document["spec"] | {"model_id": name}
    return row | {"pk": {"S": f"MODEL#{name}"}, "sort_key": {"S": name}, "document": {"S": json.dumps(document)}}


def _entries(row: JSON, count: int) -> Iterator[str]:
    """The members of a partition, as JSON text, many at a time."""
    key = f"LEDGER#{_MARK:012d}"
    document = json.dumps(json.loads(row["document"]["S"]) | {"revision": -_MARK})
    text = json.dumps({key: row | {"pk": {"S": f"MODEL#{LONG}"}, "sk": {"S": key}, "document": {"S": document}}})[1:-1]
    pieces = text.replace(str(-_MARK), "{revision}").replace(key, "{key}")
    parts = [piece.split("{revision}") for piece in pieces.split("{key}")]
    for first in range(1, count + 1, _AT_A_TIME):
        numbers = range(first, min(first + _AT_A_TIME, count + 1))
        rows = (f"LEDGER#{number:012d}".join(str(number).join(part) for part in parts) for number in numbers)
        yield (", " if first > 1 else "") + ", ".join(rows)
