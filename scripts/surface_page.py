"""The table of docs/surface.md: which endpoint answers for which task, behind what."""

from pathlib import Path
from typing import Final

from contracts.inference import ENDPOINTS, PROVIDER

PATH: Final = Path(__file__).resolve().parent.parent / "docs" / "surface.md"
_HEAD: Final = "| `POST` | task | vLLM | llama.cpp | mock | third party | body | streams |"
_KINDS: Final = ("vllm", "llama.cpp", "mock", PROVIDER)


def page() -> str:
    """The page as it must be: its own words, and the table of today."""
    before, _, rest = PATH.read_text().partition(_HEAD)
    after = rest[rest.index("\n\n") :]
    return before + _table() + after


def _table() -> str:
    lines = [_HEAD, "|---|---|:-:|:-:|:-:|:-:|---|:-:|"]
    for endpoint in ENDPOINTS.values():
        kinds = " | ".join("●" if kind in endpoint.kinds else "" for kind in _KINDS)
        body = "form" if endpoint.form else "JSON"
        lines.append(f"| `{endpoint.path}` | {', '.join(sorted(endpoint.tasks))} | {kinds} | {body} | {'●' if endpoint.streams else ''} |")
    return "\n".join(lines)
