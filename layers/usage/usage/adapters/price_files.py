"""The dated price table that comes with this package: a file for each day from which its prices hold. `scripts/prices.py` writes them."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from usage.domain.cost import TokenPrice

FOLDER = Path(__file__).resolve().parent.parent / "prices"


class PriceFiles:
    """`ports.PriceTable`: `{valid_from}.json` for each. What was before the first has the first's prices."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._days = sorted(path.stem for path in folder.glob("*.json"))

    @property
    def as_of(self) -> str:
        """From when the youngest prices hold."""
        return self._days[-1]

    def of(self, day: str, priced_as: str) -> TokenPrice | None:
        """See `domain.cost.Prices`."""
        row = self._valid(day)["models"].get(priced_as)
        return TokenPrice(*row) if row else None

    def of_copies(self, day: str) -> Mapping[str, Any]:
        """See `ports.PriceTable`."""
        return self._valid(day)

    def _valid(self, day: str) -> Mapping[str, Any]:
        held = [since for since in self._days if since <= day]
        return _read(self._folder / f"{held[-1] if held else self._days[0]}.json")


@cache
def _read(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
