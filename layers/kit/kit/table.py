"""Rows in one DynamoDB table, and transactions over them.

A row is `pk`, `sk`, one JSON `document` (dataclasses in it become objects), and a few plain attributes (strings or whole numbers) that
conditions and indexes need.
Every write is conditional; there is no counter, no `ADD` and no unconditional overwrite except of rows that only one writer ever touches.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from kit.errors import Broken, Contended, Transient
from kit.row import Attribute, Row

__all__ = ["COLLECTION_INDEX", "Attribute", "ConditionFailed", "Row", "Table", "Transaction", "decode", "resume_key"]

type_of = {"S": str, "N": int}

COLLECTION_INDEX = "collection"
_SERVER_ERROR = 500  # also of what stands between: its text names no code of DynamoDB's
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
}


@dataclass
class Transaction:
    """Writes that happen together or not at all (at most 100 rows). Each names the condition under which it may happen."""

    items: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def insert(self, label: str, pk: str, sk: str, document: Mapping[str, Any], **attributes: Attribute | None) -> Self:
        """Write a row that must not exist yet."""
        return self._put(label, pk, sk, document, attributes, "attribute_not_exists(pk)", {})

    def replace(
        self, label: str, pk: str, sk: str, document: Mapping[str, Any], *, when: Mapping[str, Attribute], **attributes: Attribute | None
    ) -> Self:
        """Overwrite a row whose plain attributes still have the values in `when`."""
        condition, names, values = _equal(when)
        return self._put(label, pk, sk, document, attributes, condition, {"names": names, "values": values})

    def put(self, label: str, pk: str, sk: str, document: Mapping[str, Any], **attributes: Attribute | None) -> Self:
        """Write a row whatever was there: only for rows with one writer and no history."""
        return self._put(label, pk, sk, document, attributes, None, {})

    def delete(self, label: str, pk: str, sk: str, *, when: Mapping[str, Attribute] | None = None) -> Self:
        """Delete a row, if its plain attributes have the values in `when`; a row that is gone counts as deleted unless `when` is given."""
        item: dict[str, Any] = {"Key": _key(pk, sk)}
        if when:
            condition, names, values = _equal(when)
            item |= {"ConditionExpression": condition, "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        return self._add(label, {"Delete": item})

    def check(self, label: str, pk: str, sk: str, *, when: Mapping[str, Attribute]) -> Self:
        """Let the others happen only if this row's plain attributes have the values in `when`."""
        condition, names, values = _equal(when)
        return self._add(
            label,
            {
                "ConditionCheck": {
                    "Key": _key(pk, sk),
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                }
            },
        )

    def _put(
        self,
        label: str,
        pk: str,
        sk: str,
        document: Mapping[str, Any],
        attributes: Mapping[str, Attribute | None],
        condition: str | None,
        expression: Mapping[str, Any],
    ) -> Self:
        item: dict[str, Any] = {"Item": _item(pk, sk, document, attributes)}
        if condition:
            item["ConditionExpression"] = condition
        if expression:
            item |= {"ExpressionAttributeNames": expression["names"], "ExpressionAttributeValues": expression["values"]}
        return self._add(label, {"Put": item})

    def _add(self, label: str, item: dict[str, Any]) -> Self:
        self.items.append(item)
        self.labels.append(label)
        return self


class ConditionFailed(Contended):
    """Rows that were not as the transaction expected; `labels` names them."""

    def __init__(self, labels: list[str]) -> None:
        super().__init__("condition-failed", f"changed in the meantime: {', '.join(labels)}", details={"labels": labels})
        self.labels = labels


class Table:
    """One table. Reads are strongly consistent unless they go through the index."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self.name = client, name

    def get(self, pk: str, sk: str) -> Row | None:
        """The row as of now, or None."""
        answer = self._call("get_item", TableName=self.name, Key=_key(pk, sk), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def query(
        self, pk: str, *, prefix: str = "", after: str | None = None, limit: int | None = None, forward: bool = True
    ) -> Iterator[Row]:
        """At most `limit` rows of one partition in key order, `sk` beginning with `prefix`, strictly beyond `after` in that direction."""
        start = _key(pk, after) if after is not None else None
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition += " AND begins_with(sk, :prefix)"
            values[":prefix"] = {"S": prefix}
        yield from self._pages(
            limit, start, KeyConditionExpression=condition, ExpressionAttributeValues=values, ConsistentRead=True, ScanIndexForward=forward
        )

    def query_collection(
        self,
        collection: str,
        *,
        after: Mapping[str, str] | None = None,
        limit: int | None = None,
        prefix: str = "",
        at_a_time: int | None = None,
        forward: bool = True,
    ) -> Iterator[Row]:
        """Rows of one collection by `sort_key`, through the eventually consistent index.

        `after` is a `resume_key`; only rows whose `sort_key` begins with `prefix` are read; `at_a_time`: how many with one call, where the
        reader may stop before the end (a call reads up to a megabyte without it).
        """
        condition, values = "#collection = :collection", {":collection": {"S": collection}}  # COLLECTION is a reserved word of DynamoDB
        if prefix:
            condition += " AND begins_with(sort_key, :prefix)"
            values[":prefix"] = {"S": prefix}
        start = {name: {"S": value} for name, value in after.items()} if after else None
        yield from self._pages(
            limit,
            start,
            at_a_time,
            IndexName=COLLECTION_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeNames={"#collection": "collection"},
            ExpressionAttributeValues=values,
            ScanIndexForward=forward,
        )

    def commit(self, transaction: Transaction, token: str | None = None) -> None:
        """Write everything or nothing. `ConditionFailed` names what had changed; `Contended` that another transaction was in the way.

        `token` (at most 36 characters) makes a repeated commit within ten minutes a success without effect.
        """
        if not transaction.items:
            return
        parameters: dict[str, Any] = {"TransactItems": [_named(item, self.name) for item in transaction.items]}
        if token:
            parameters["ClientRequestToken"] = token
        self._call("transact_write_items", labels=transaction.labels, **parameters)

    def remove(self, pk: str, sk: str) -> None:
        """Delete one row; one that is gone counts as deleted."""
        self._call("delete_item", TableName=self.name, Key=_key(pk, sk))

    def _pages(self, limit: int | None, start: dict[str, Any] | None, at_a_time: int | None = None, **parameters: Any) -> Iterator[Row]:
        left = limit
        while True:
            page: dict[str, Any] = dict(parameters)
            if start:
                page["ExclusiveStartKey"] = start
            bounds = [bound for bound in (left, at_a_time) if bound is not None]
            if bounds:
                page["Limit"] = min(bounds)
            answer = self._call("query", TableName=self.name, **page)
            for item in answer["Items"]:
                yield _row(item)
            if left is not None:
                left -= len(answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start or left == 0:
                return

    def _call(self, operation: str, labels: list[str] | None = None, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            raise _translated(error, labels or []) from error
        except BotoCoreError as error:
            raise Transient("table-unreachable", f"{operation} on the table failed: {type(error).__name__}") from error


def resume_key(row: Row) -> dict[str, str]:
    """What `query_collection(after=…)` needs to go on behind `row`."""
    return {"pk": row.pk, "sk": row.sk, "collection": str(row.attributes["collection"]), "sort_key": str(row.attributes["sort_key"])}


def decode(item: Mapping[str, Any]) -> Row:
    """The row in a stream record's image (DynamoDB JSON)."""
    return _row(item)


def _translated(error: Any, labels: list[str]) -> Exception:
    code = error.response["Error"]["Code"]
    if code == "TransactionCanceledException":
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        failed = [label for label, reason in zip(labels, reasons, strict=False) if reason == "ConditionalCheckFailed"]
        if failed:
            return ConditionFailed(failed)
        if "TransactionConflict" in reasons:
            return Contended("transaction-conflict", "another write to the same rows was under way")
        if set(reasons) & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
            return Transient("table-throttled", "the table is throttled")
        return Broken("transaction-refused", f"the table refused the transaction: {sorted({r for r in reasons if r and r != 'None'})}")
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(labels)
    if code in {"TransactionInProgressException", "TransactionConflictException"}:
        return Contended("transaction-conflict", "another write to the same rows was under way")
    if code in _THROTTLED or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR:
        return Transient("table-throttled", f"the table answered {code}")
    return Broken("table-refused", f"the table answered {code}: {error.response['Error'].get('Message', '')}")


def _equal(when: Mapping[str, Attribute]) -> tuple[str, dict[str, str], dict[str, Any]]:
    names = {f"#{i}": name for i, name in enumerate(when)}
    values = {f":w{i}": _attribute(value) for i, value in enumerate(when.values())}
    return " AND ".join(f"#{i} = :w{i}" for i in range(len(when))), names, values


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _item(pk: str, sk: str, document: Mapping[str, Any], attributes: Mapping[str, Attribute | None]) -> dict[str, Any]:
    plain = {name: _attribute(value) for name, value in attributes.items() if value is not None}
    return {**_key(pk, sk), "document": {"S": json.dumps(document, separators=(",", ":"), ensure_ascii=False, default=vars)}, **plain}


def _attribute(value: Attribute) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _row(item: Mapping[str, Any]) -> Row:
    plain = {
        name: type_of[kind](raw) for name, value in item.items() if name not in {"pk", "sk", "document"} for kind, raw in value.items()
    }
    return Row(item["pk"]["S"], item["sk"]["S"], json.loads(item["document"]["S"]), plain)


def _named(item: dict[str, Any], table: str) -> dict[str, Any]:
    ((operation, body),) = item.items()
    return {operation: {"TableName": table, **body}}
