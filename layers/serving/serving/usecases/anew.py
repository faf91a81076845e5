"""Deciding anew: what is lost to another writer is decided again on what that writer left."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from kit.errors import Contended

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
_ATTEMPTS = 5


def decided_anew(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Run again when a write was lost, at most five times in all. Only here: a decision can be remade nowhere else.

    What `function` does before its write must be reading only, or harmless when repeated.
    """

    @functools.wraps(function)
    def decide(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        for _ in range(_ATTEMPTS - 1):
            try:
                return function(*args, **kwargs)
            except Contended:
                continue
        return function(*args, **kwargs)

    return decide
