"""Usage and facts as lines: of JSON, or of comma separated values."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

_FORMULA = frozenset("=+-@\t\r")


def written(items: Sequence[Mapping[str, Any]], media: Literal["ndjson", "csv"]) -> tuple[str, str]:
    """Content type and text of a page. CSV has a head, and text that a spreadsheet would take for a formula begins with an apostrophe."""
    if media == "ndjson":
        return "application/x-ndjson", "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    out = io.StringIO()
    if items:
        writer = csv.DictWriter(out, list(items[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in item.items()} for item in items)
    return "text/csv; charset=utf-8", out.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value
