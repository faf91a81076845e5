"""Three things of moto's that cost nearly half of its time and that none of our tests needs, done the short way. Answers stay the same.

Each is written against the pinned moto (locks/dev.txt), and `test_moto_shortcuts.py` compares answers with and without.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from moto.core import responses
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models.table import Table

_pick = ResponseSerializer.get_value
_ATTRIBUTE = "AttributeValue"


@contextmanager
def shortcuts() -> Iterator[None]:
    """While this lasts, moto takes them."""
    with ExitStack() as taken:
        taken.enter_context(patch.object(Table, "__deepcopy__", _lightly_copied, create=True))
        taken.enter_context(patch.object(ResponseSerializer, "get_value", _picked))
        taken.enter_context(patch.object(responses, "method_names_from_class", cache(responses.method_names_from_class)))
        yield


def copied_rows(items: Mapping[str, Any]) -> defaultdict[str, Any]:
    """A table's rows by key. A put replaces a row, so a copy of the two outer levels is enough; nobody sends an update, which does not."""
    return defaultdict(dict, {partition: dict(rows) for partition, rows in items.items()})


def _lightly_copied(table: Any, _memo: Any) -> Any:
    """What moto keeps to undo a transaction by. Of itself it copies all that every row holds, for each transaction."""
    kept = copy.copy(table)
    kept.items = copied_rows(table.items)
    return kept


def _picked(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """A member of an answer. moto looks for each of the ten members of an attribute's value under several spellings."""
    if type(value) is dict and getattr(shape.parent, "name", None) == _ATTRIBUTE:
        return value.get(key)
    return _pick(serializer, value, key, shape)
