"""How a mistake is put into the running product, and taken out again. Nothing here changes a file."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

Place = tuple[Any, str, Any]
"""Where, which name, and what stands there while the mistake is planted."""


@dataclass(frozen=True)
class Bug:
    """One mistake."""

    name: str
    sentence: str
    places: Callable[[], list[Place]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The product makes this mistake while it lasts."""
        with ExitStack() as stack:
            for where, name, instead in self.places():
                stack.enter_context(patch.object(where, name, instead))
            yield


BUGS: dict[str, Bug] = {}


def bug(name: str, sentence: str) -> Callable[[Callable[[], list[Place]]], Callable[[], list[Place]]]:
    """Take a function for the mistake: it answers what stands in whose place."""

    def add(places: Callable[[], list[Place]]) -> Callable[[], list[Place]]:
        BUGS[name] = Bug(name, sentence, places)
        return places

    return add
