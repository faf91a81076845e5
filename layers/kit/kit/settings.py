"""Environment variables as a typed class, checked at cold start."""

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Self

from kit.errors import Broken


class Settings:
    """Base of a frozen dataclass whose fields are environment variables in upper case.

    Fields may be `str`, `int`, `float`, `bool` (`true`/`false`) or `tuple[str, ...]` (comma separated).
    """

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read every field; `Broken("settings-invalid")` names all that are missing or malformed."""
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for item in fields(cls):  # type: ignore[arg-type]  # subclasses are dataclasses
            name = item.name.upper()
            if name not in source:
                if item.default is MISSING and item.default_factory is MISSING:
                    wrong.append(f"{name} is missing")
                continue
            try:
                values[item.name] = _convert(source[name], item.type)
            except ValueError:
                wrong.append(f"{name} is not a {item.type}")
        if wrong:
            raise Broken(
                "settings-invalid", "; ".join(wrong), "Compare the function's Environment in template.yaml with its settings class."
            )
        return cls(**values)


def _convert(text: str, kind: Any) -> Any:
    name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    if name == "bool":
        if text not in {"true", "false"}:
            raise ValueError(text)
        return text == "true"
    if name == "int":
        return int(text)
    if name == "float":
        return float(text)
    if name.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
