"""Copies of a platform with everything that stands on it: arranged once, lived many times.

    frozen = freeze((fabric, seen))        # outside of `with fabric`
    fabric, seen = thaw(frozen)
    with fabric: ...

What nobody changes, the stack as the template makes it, is shared by all copies. A copy starts as after a deployment: every function
makes its clients and use cases anew.
"""

import io
import pickle
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.fabric.topology import topology


def freeze(world: Any) -> bytes:
    """The world as it is, to be made again any number of times."""
    file = io.BytesIO()
    _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(world)
    return file.getvalue()


def thaw(frozen: bytes) -> Any:
    """One more such world."""
    return _Unpickler(io.BytesIO(frozen)).load()


@cache
def _shared() -> tuple[Any, ...]:
    """What is the same in all copies."""
    return tuple(_parts())


@cache
def _places() -> dict[int, int]:
    return {id(part): place for place, part in enumerate(_shared())}


def _parts() -> Iterator[Any]:
    stack = topology()
    yield stack
    yield from stack.rules
    yield from (target for rule in stack.rules for target in rule.targets)
    yield from stack.sweeps
    for mapping in (stack.functions, stack.queues, stack.queue_mappings, stack.stream_mappings, stack.machines):
        yield mapping
        yield from mapping.values()


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> int | None:
        """Its place among what is shared, if it is."""
        return _places().get(id(obj))


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: int) -> Any:
        """What is in this place."""
        return _shared()[pid]
