"""Deciding anew: what is lost to another writer is decided again on what that writer left."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from kit.patience import Patience

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
_PATIENCE = Patience()


def decided_anew(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Run again when a write was lost, a bounded number of times. Only here: a decision can be remade nowhere else.

    What `function` does before its write must be reading only, or harmless when repeated.
    """

    @functools.wraps(function)
    def decide(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        return _PATIENCE.persist(lambda: function(*args, **kwargs))

    return decide
