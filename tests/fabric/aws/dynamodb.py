"""DynamoDB in memory: tables of our one shape, their index, their streams, their TTL; the operations that the adapters call.

Every write is a transaction of one or more; every change leaves a record in the table's stream. Reads through the index may be old
(`stale`), as they may on AWS; strongly consistent reads never are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.fabric.aws.errors import answering, refusal
from tests.fabric.aws.expressions import Malformed, compiled
from tests.fabric.aws.partition import PAGE_BYTES, Image, Sorted, size_of
from tests.fabric.aws.table import Record, Table, collection_before, earlier

ITEM_BYTES, TRANSACTION_BYTES, TRANSACTION_ITEMS = 409_600, 4_194_304, 100
TOKEN_SECONDS = 600.0
INDEX = "collection"
_TOKEN_LIMIT = 36


class DynamoDb:
    """The service. `changed` is called with every stream record as it comes to be."""

    def __init__(self, now: Callable[[], float], changed: Callable[[Record], None]) -> None:
        self._now, self._changed = now, changed
        self.tables: dict[str, Table] = {}
        self.stale = False
        """Whether the next read through an index shows what was there before the last change; set by the fault hook for one call."""
        self._tokens: dict[str, tuple[float, Sequence[Mapping[str, Any]]]] = {}
        self.changes = 0
        """Rows that were written, all tables together."""
        self.witnesses: list[Callable[[Sequence[Record]], None]] = []
        """Told of every transaction as it happens: the rows that it has changed."""

    def create(self, name: str) -> Table:
        """A new empty table."""
        self.tables[name] = Table(name)
        return self.tables[name]

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """One API call."""
        try:
            found: dict[str, Any] = answering(_OPERATIONS, operation)(self, operation, given)
            return found
        except Malformed as error:
            raise refusal(operation, "ValidationException", str(error)) from error

    def expire(self) -> int:
        """Delete rows whose `expires_at` has passed, as the service does within some days; how many."""
        moment, count = 1767225600 + self._now(), 0
        for table in self.tables.values():
            for image in table.images():
                if "expires_at" in image and int(image["expires_at"]["N"]) < moment:
                    self._apply(table, [(_keys(image), None)], by_ttl=True)
                    count += 1
        return count

    # ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _get(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        table = self._table(operation, given["TableName"])
        pk, sk = _key(operation, given["Key"])
        image = table.get(pk, sk)
        if self.stale and not given.get("ConsistentRead"):
            image = earlier(table, pk, sk, image)
        return {} if image is None else {"Item": dict(image)}

    def _query(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        table = self._table(operation, given["TableName"])
        index = given.get("IndexName")
        if index not in {None, INDEX}:
            raise refusal(operation, "ValidationException", f"The table does not have the specified index: {index}")
        if index and given.get("ConsistentRead"):
            raise refusal(operation, "ValidationException", "Consistent reads are not supported on global secondary indexes")
        hashed, ranged = ("collection", "sort_key") if index else ("pk", "sk")
        names, values = given.get("ExpressionAttributeNames", {}), given["ExpressionAttributeValues"]
        condition = compiled(given["KeyConditionExpression"], names, values)
        wanted, prefix = _hash_of(given["KeyConditionExpression"], hashed, names, values)
        rows = (table.collections if index else table.partitions).get(wanted, Sorted())
        if index and self.stale:
            rows = collection_before(table, rows, wanted)
        after = _start(operation, given.get("ExclusiveStartKey"), ranged)
        forward = given.get("ScanIndexForward", True)
        return _page(rows, condition, given.get("Limit"), prefix, after, forward=forward, extra=("collection", "sort_key") if index else ())

    def _scan(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        images = self._table(operation, given["TableName"]).images()
        return {"Items": [dict(image) for image in images], "Count": len(images)}

    # ── writes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _put(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        self._single(operation, "Put", given)
        return {}

    def _delete(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        self._single(operation, "Delete", given)
        return {}

    def _single(self, operation: str, kind: str, given: Mapping[str, Any]) -> None:
        table = self._table(operation, given["TableName"])
        keys, image = _write(operation, kind, given)
        if not _holds(table, keys, given):
            raise refusal(operation, "ConditionalCheckFailedException", "The conditional request failed")
        self._apply(table, [(keys, image)])

    def _transact(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        items = given["TransactItems"]
        token = given.get("ClientRequestToken")
        if token is not None and self._repeated(operation, token, items):
            return {}
        writes = self._checked(operation, items)
        reasons = [{"Code": "None"} if _holds(t, keys, body) else _FAILED for t, keys, _, body, _ in writes]
        if _FAILED in reasons:
            told = ", ".join(reason["Code"] for reason in reasons)
            message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{told}]"
            raise refusal(operation, "TransactionCanceledException", message, CancellationReasons=reasons)
        for table in {id(t): t for t, *_ in writes}.values():
            self._apply(table, [(keys, image) for t, keys, image, _, kind in writes if t is table and kind != "ConditionCheck"])
        if token is not None:
            self._tokens[token] = (self._now(), items)
        return {}

    def _repeated(self, operation: str, token: str, items: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the same transaction was done under this token within ten minutes."""
        if not 0 < len(token) <= _TOKEN_LIMIT:
            raise refusal(operation, "ValidationException", "clientRequestToken must have 1 to 36 characters")
        at, known = self._tokens.get(token, (float("-inf"), ()))
        if self._now() - at >= TOKEN_SECONDS:
            return False
        if known != items:
            raise refusal(operation, "IdempotentParameterMismatchException", "the token was used for another request")
        return True

    def _checked(
        self, operation: str, items: Sequence[Mapping[str, Any]]
    ) -> list[tuple[Table, Image, Image | None, Mapping[str, Any], str]]:
        """Table, keys, image, body and kind of each write; ValidationException for what DynamoDB would not even try."""
        if not 0 < len(items) <= TRANSACTION_ITEMS:
            raise refusal(operation, "ValidationException", "Member must have length less than or equal to 100")
        writes = []
        for item in items:
            ((kind, body),) = item.items()
            writes.append((self._table(operation, body["TableName"]), *_write(operation, kind, body), body, kind))
        places = [(t.name, keys["pk"]["S"], keys["sk"]["S"]) for t, keys, *_ in writes]
        if len(set(places)) != len(places):
            raise refusal(operation, "ValidationException", "Transaction request cannot include multiple operations on one item")
        if sum(size_of(image) for _, _, image, *_ in writes if image) > TRANSACTION_BYTES:
            raise refusal(operation, "ValidationException", "Collection size of the transaction exceeds 4 MB")
        return writes

    def _apply(self, table: Table, writes: Sequence[tuple[Image, Image | None]], *, by_ttl: bool = False) -> None:
        table.before = []
        told: list[Record] = []
        for keys, image in writes:
            old = table.write(keys, image)
            if old == image:
                continue  # a write that changes nothing leaves no record
            table.before.append((keys, old, image))
            self.changes += 1
            name = "REMOVE" if image is None else "INSERT" if old is None else "MODIFY"
            told.append(Record(table.name, name, keys, image, self.changes, self._now(), by_ttl))
            self._changed(told[-1])
        for witness in self.witnesses:
            witness(told)

    def _table(self, operation: str, name: str) -> Table:
        if name not in self.tables:
            raise refusal(operation, "ResourceNotFoundException", "Requested resource not found")
        return self.tables[name]


_FAILED: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
_OPERATIONS: Mapping[str, Callable[[DynamoDb, str, Mapping[str, Any]], dict[str, Any]]] = {
    "GetItem": DynamoDb._get,
    "Query": DynamoDb._query,
    "Scan": DynamoDb._scan,
    "PutItem": DynamoDb._put,
    "DeleteItem": DynamoDb._delete,
    "TransactWriteItems": DynamoDb._transact,
}


def _write(operation: str, kind: str, body: Mapping[str, Any]) -> tuple[Image, Image | None]:
    """Keys and new image of one write; None for a deletion or a mere check."""
    if kind != "Put":
        pk, sk = _key(operation, body["Key"])
        return {"pk": {"S": pk}, "sk": {"S": sk}}, None
    image: Image = dict(body["Item"])
    pk, sk = _key(operation, {name: image[name] for name in ("pk", "sk") if name in image})
    if size_of(image) > ITEM_BYTES:
        raise refusal(operation, "ValidationException", "Item size has exceeded the maximum allowed size")
    for name in ("collection", "sort_key"):
        if name in image and not image[name].get("S"):
            raise refusal(
                operation, "ValidationException", f"One or more parameter values are not valid. Index key {name} is no filled string"
            )
    return {"pk": {"S": pk}, "sk": {"S": sk}}, image


def _key(operation: str, key: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    if set(key) != {"pk", "sk"} or any(set(value) != {"S"} for value in key.values()):
        raise refusal(operation, "ValidationException", "The provided key element does not match the schema")
    pk, sk = str(key["pk"]["S"]), str(key["sk"]["S"])
    if not pk or not sk:
        raise refusal(operation, "ValidationException", "One or more parameter values are not valid. The AttributeValue for a key is empty")
    return pk, sk


def _keys(image: Image) -> Image:
    return {"pk": image["pk"], "sk": image["sk"]}


def _holds(table: Table, keys: Image, body: Mapping[str, Any]) -> bool:
    text = body.get("ConditionExpression")
    if text is None:
        return True
    condition = compiled(text, body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues", {}))
    return condition(table.get(keys["pk"]["S"], keys["sk"]["S"]) or {})


def _hash_of(text: str, hashed: str, names: Mapping[str, str], values: Mapping[str, Any]) -> tuple[str, str]:
    """The hash key's value in a key condition, and the prefix of the range key if it asks for one."""
    words = text.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()
    if len(words) < 3 or names.get(words[0], words[0]) != hashed or words[1] != "=":
        raise Malformed(f"Query condition missed key schema element: {hashed}")
    prefix = str(values[words[words.index(",") + 1]]["S"]) if "begins_with" in words else ""
    return str(values[words[2]]["S"]), prefix


def _start(operation: str, key: Mapping[str, Any] | None, ranged: str) -> tuple[str, ...] | None:
    if key is None:
        return None
    expected = {"pk", "sk"} if ranged == "sk" else {"pk", "sk", "collection", "sort_key"}
    if set(key) != expected:
        raise refusal(operation, "ValidationException", "The provided starting key is invalid")
    return (key["sk"]["S"],) if ranged == "sk" else (key["sort_key"]["S"], key["pk"]["S"], key["sk"]["S"])


def _page(
    rows: Sorted,
    condition: Callable[[Image], bool],
    limit: int | None,
    prefix: str,
    after: tuple[str, ...] | None,
    *,
    forward: bool,
    extra: tuple[str, ...],
) -> dict[str, Any]:
    """One page: at most `limit` items, at most one megabyte."""
    items: list[Image] = []
    size = 0
    for image in rows.walk(prefix=prefix, after=after, forward=forward):
        if not condition(image):
            continue
        items.append(dict(image))
        size += size_of(image)
        if len(items) == limit or size >= PAGE_BYTES:
            return {"Items": items, "Count": len(items), "LastEvaluatedKey": {name: image[name] for name in ("pk", "sk", *extra)}}
    return {"Items": items, "Count": len(items)}
