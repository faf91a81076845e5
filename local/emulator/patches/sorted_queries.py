"""A Query reads the rows of its page, as DynamoDB's does, whatever else its partition holds.

Stock: the whole partition (of the table or of an index) is collected, sorted and compared with the key condition before Limit is looked at,
so that a page of 50 rows takes as long as the partition is large. Here partitions of some size keep the order of their keys; the stock
query gets the rows that key condition, ExclusiveStartKey, direction, Limit and the megabyte of a page leave, and does everything else
with them itself. Partitions that are small, keys that are not strings, and conditions of other forms are read as before.
"""

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ministack.services import dynamodb

from local.emulator.pin import expect, replace, rewrite

JSON = dict[str, Any]
Position = tuple[str, ...]  # what orders a row within its partition: (index sort key,) base partition key, base sort key
SMALL = 200  # rows that sort faster than they are worth remembering
ORDERS = "\0slipway-orders"  # among the emulator's own index members, so that they are dropped, and never saved, with them
LARGEST_ROW_BYTES = 400 * 1024
LAST = chr(0x10FFFF)
OF_INDEX = "        candidates = [bucket[pk][sk] for pk, sk in members.get(pk_val, ()) if sk in bucket.get(pk, ())]\n"
OF_TABLE = '        candidates = list(table["items"].get(pk_val, {}).values())\n'
FIRST_OURS = "        candidates = _slipway_page(table, data, pk_val)\n        if candidates is None:\n    "

_lock = threading.RLock()


def apply() -> None:
    """Give the stock query its page, and keep the orders up to date with every write."""
    expect(dynamodb._set_item, "_index_item(table, pk_val, sk_val, item, add=True)")
    expect(dynamodb._items_replaced, "table.pop(_INDEX_MEMBERS, None)")
    expect(dynamodb.get_state, "if k != _INDEX_MEMBERS")
    expect(dynamodb._paginate_evaluated_items, "page_bytes + item_bytes > _DDB_PAGE_SIZE_BYTES")
    expect(dynamodb._tokenize, "('VALUE_REF', expr[i:j])", "('NAME_REF', expr[i:j])", "('IDENT', expr[i:j])")
    dynamodb._slipway_page = page
    rewrite(dynamodb, "_query", (OF_INDEX, FIRST_OURS + OF_INDEX), (OF_TABLE, FIRST_OURS + OF_TABLE))

    def set_item(table: JSON, pk: str, sk: str, item: JSON) -> Any:
        with _lock:
            _keep(table, pk, sk, item)
            return stock_set(table, pk, sk, item)

    def remove_item(table: JSON, pk: str, sk: str) -> Any:
        with _lock:
            _keep(table, pk, sk, None)
            return stock_remove(table, pk, sk)

    stock_set = replace(dynamodb, "_set_item", set_item)
    stock_remove = replace(dynamodb, "_remove_item", remove_item)


@dataclass(frozen=True)
class Keys:
    """The key attributes of a table or of one of its indexes: the partition's, the sort key's, and all that order the rows."""

    partition: str
    sort: str | None
    order: tuple[str, ...]

    def position(self, item: JSON) -> Position | None:
        """Where a row (or a starting key) stands; None when a key is missing or is no string."""
        return _strings((item.get(name) or {}).get("S") for name in self.order)


def keys_of(table: JSON, index: str | None) -> Keys | None:
    """The keys of the table (None) or an index; None unless they are strings and one of each."""
    base = [table["pk_name"], table["sk_name"]]
    hashes, ranges = dynamodb._index_key_lists(dynamodb._index_def(table, index)) if index else ([base[0]], [base[1]])
    if not table["sk_name"] or len(hashes) != 1 or len(ranges) > 1:
        return None
    order = tuple(dict.fromkeys([*ranges, *base]))
    if any(dynamodb._get_attr_type(table, name) != "S" for name in (*hashes, *order)):
        return None
    return Keys(hashes[0], ranges[0] if ranges else None, order)


def page(table: JSON, data: JSON, partition: str) -> list[JSON] | None:
    """The rows that a Query has to look at, in any order; None when it shall look at the whole partition."""
    index = data.get("IndexName")
    keys = keys_of(table, index)
    if keys is None:
        return None
    span, start = _span(data, keys), data.get("ExclusiveStartKey")
    cursor = keys.position(start) if start else None
    if span is None or (start and cursor is None):
        return None
    with _lock:
        order = _order(table, index, keys, partition)
        if order is None:
            return None
        first = bisect_left(order, (span[0],))
        end = len(order) if span[1] is None else bisect_left(order, (span[1],))
        forward = data.get("ScanIndexForward", True)
        if cursor and forward:  # the row that the cursor names is left in: the stock query skips it
            first = max(first, bisect_left(order, cursor))
        elif cursor:
            end = min(end, bisect_right(order, cursor))
        places = range(first, end) if forward else range(end - 1, first - 1, -1)
        return _rows(table, index, keys, data.get("Limit"), (order[place] for place in places))


def _rows(table: JSON, index: str | None, keys: Keys, limit: int | None, positions: Iterable[Position]) -> list[JSON]:
    """Rows until one more than the limit, or more than a page may hold beyond the cursor's own."""
    pk, sk = keys.order.index(table["pk_name"]), keys.order.index(table["sk_name"])
    rows: list[JSON] = []
    size = 0
    for position in islice(positions, None if limit is None else int(limit) + 1):
        row = table["items"][position[pk]][position[sk]]
        rows.append(row)
        size += dynamodb._item_size_bytes(dynamodb._apply_index_projection(row, table, index) if index else row)
        if size > dynamodb._DDB_PAGE_SIZE_BYTES + LARGEST_ROW_BYTES:
            break
    return rows


def _order(table: JSON, index: str | None, keys: Keys, partition: str) -> list[Position] | None:
    """The positions of a partition's rows, in order; None when it is small."""
    members = dynamodb._index_members(table)
    rows = members[index].get(partition, {}) if index else table["items"].get(partition, {})
    if len(rows) <= SMALL:
        return None
    orders: dict[tuple[str | None, str], list[Position]] = members.setdefault(ORDERS, {})
    order = orders.get((index, partition))
    if order is None or len(order) != len(rows):
        items = table["items"]
        found = [keys.position(items[pk][sk]) for pk, sk in rows] if index else [keys.position(item) for item in rows.values()]
        order = orders[index, partition] = sorted(position for position in found if position is not None)
    return order if len(order) == len(rows) else None


def _keep(table: JSON, pk: str, sk: str, new: JSON | None) -> None:
    """A row is about to be written, or removed: move it in the orders that are remembered."""
    orders = (table.get(dynamodb._INDEX_MEMBERS) or {}).get(ORDERS)
    if not orders:
        return
    old = table["items"].get(pk, {}).get(sk)
    for index in {index for index, _ in orders}:
        keys = keys_of(table, index)
        if keys is None:
            continue
        was, becomes = (_placed(keys, index, item) for item in (old, new))
        if was == becomes:
            continue
        if was and was[0] in orders:
            order, place = orders[was[0]], bisect_left(orders[was[0]], was[1])
            if order[place : place + 1] == [was[1]]:
                del order[place]
            if not order:
                del orders[was[0]]
        if becomes and becomes[0] in orders:
            insort(orders[becomes[0]], becomes[1])


def _placed(keys: Keys, index: str | None, item: JSON | None) -> tuple[tuple[str | None, str], Position] | None:
    """Partition and position of a row; None when it is not, or not in this index."""
    position = keys.position(item) if item else None
    partition = ((item or {}).get(keys.partition) or {}).get("S")
    return ((index, partition), position) if position and isinstance(partition, str) else None


def _span(data: JSON, keys: Keys) -> tuple[str, str | None] | None:
    """The sort keys that a key condition allows: the first, and the first beyond (None: no end). None when it is of another form."""
    names, values = data.get("ExpressionAttributeNames") or {}, data.get("ExpressionAttributeValues") or {}
    span: tuple[str, str | None] = ("", None)
    for clause in dynamodb._key_condition_clauses(dynamodb._tokenize(data.get("KeyConditionExpression") or "")):
        words = [
            names.get(text, text) if kind == "NAME_REF" else text for kind, text in clause if kind not in {"LPAREN", "RPAREN", "COMMA"}
        ]
        given = _strings((values.get(text) or {}).get("S") for kind, text in clause if kind == "VALUE_REF")
        operators = [word.lower() for word in words if not word.startswith(":") and word not in {keys.partition, keys.sort}]
        if not given:
            return None
        if words[:2] == [keys.partition, "="] and len(words) == 3:  # noqa: PLR2004 - name, operator, value
            continue
        wanted = _between(operators, given) if words[0] in {keys.sort, "begins_with"} and keys.sort in words[:2] else None
        if wanted is None or span != ("", None):
            return None
        span = wanted
    return span if data.get("KeyConditionExpression") else None


def _strings(values: Iterable[Any]) -> tuple[str, ...] | None:
    """The values; None unless all are strings."""
    found = tuple(values)
    return found if all(isinstance(value, str) for value in found) else None


def _between(operators: list[str], given: tuple[str, ...]) -> tuple[str, str | None] | None:
    """The span of one condition on the sort key; `value + NUL` is the first string beyond a value."""
    value = given[0]
    match operators:
        case ["begins_with"]:
            return value, _beyond(value)
        case ["between", "and"]:
            return value, given[1] + "\0"
        case ["="]:
            return value, value + "\0"
        case ["<"]:
            return "", value
        case ["<="]:
            return "", value + "\0"
        case [">"]:
            return value + "\0", None
        case [">="]:
            return value, None
    return None


def _beyond(prefix: str) -> str | None:
    """The first string beyond all that begin with a prefix."""
    stem = prefix.rstrip(LAST)
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None
