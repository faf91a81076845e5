"""The plot: bars on a logarithmic scale, drawn by hand, since that is all it takes."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from bench.router.figures import OURS, Row, shown

_WIDTH: Final = 760
_LABEL: Final = 150
_BAR: Final = 18
_GAP: Final = 6
_TITLE: Final = 34
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.o{fill:#0969da}.p{fill:#8c959f}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.o{fill:#4493f8}.p{fill:#6e7681}}"
)


def plot(rows: Sequence[Row], gateways: Sequence[str]) -> str:
    """An SVG with a panel for each row; gateways without a figure are left out."""
    parts: list[str] = []
    y = 8
    for row in rows:
        known = [(name, value) for name in gateways if (value := row.middle(name)) is not None and value > 0]
        if known:
            parts += _panel(row, known, y)
            y += _TITLE + len(known) * (_BAR + _GAP) + 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img" aria-label="Gateways compared">'
    return f"{head}<style>{_STYLE}</style>{''.join(parts)}</svg>\n"


def _panel(row: Row, known: Sequence[tuple[str, float]], top: int) -> list[str]:
    least, most = min(value for _, value in known), max(value for _, value in known)
    low, high = math.floor(math.log10(least)) - 0.2, math.log10(most)
    room = _WIDTH - _LABEL - 90
    scale = room / max(high - low, 1e-9)
    parts = [f'<text class="t" x="0" y="{top + 16}">{escape(row.name)}, {escape(row.unit)} (logarithmic)</text>']
    for place, (name, value) in enumerate(known):
        y = top + _TITLE - 8 + place * (_BAR + _GAP)
        width = max(2.0, (math.log10(value) - low) * scale)
        kind = "o" if name.startswith(OURS) else "p"
        parts.append(f'<text x="{_LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>')
        parts.append(f'<text x="{_LABEL + width + 6:.1f}" y="{y + 13}">{shown(value)}</text>')
    return parts
