"""The dated price table: list prices of third parties' models and of instances, a file for each day from which its prices hold.

`usage` reckons costs by it, routers hold budgets of money to it. `scripts/prices.py` writes the files.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("prices")
PLACES: Final = ("input", "output", "cached", "second", "image", "character")
"""What the places of a model's row are the prices of: micro-USD for a million tokens, seconds or characters, or for a million images."""


class PriceTable:
    """`{valid_from}.json` for each day, in a folder. What was before the first has the first's prices."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._days = sorted(path.stem for path in folder.glob("*.json"))

    @property
    def as_of(self) -> str:
        """From when the youngest prices hold."""
        return self._days[-1]

    def row(self, day: str, model: str) -> Sequence[int] | None:
        """The list prices (`PLACES`) of a third party's model, such as `openai/gpt-4o-mini`, on a day of UTC; None = not known."""
        found: Sequence[int] | None = self.valid(day)["models"].get(model)
        return found

    def valid(self, day: str) -> Mapping[str, Any]:
        """The whole file whose prices hold on that day."""
        held = [since for since in self._days if since <= day]
        return _read(self._folder / f"{held[-1] if held else self._days[0]}.json")


@cache
def _read(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
