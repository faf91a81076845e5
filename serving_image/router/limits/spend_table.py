"""The spend table: rows that routers lease from, each write conditional on what was read. Blocking; called in threads of their own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.spending import Account, outbox_of


class SpendUnavailable(Exception):
    """The table does not answer; whether a write has happened is not known."""


class Overtaken(Exception):
    """Another router wrote first."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its account and the revision that the next write must find; 0 where there is none yet."""

    account: Account
    revision: int


@dataclass(frozen=True, slots=True)
class Told:
    """A fact to record with a write: its row's sort key, the event's id and the ledger row's document."""

    sk: str
    event_id: str
    document: dict[str, Any]


class SpendTable:
    """The table in DynamoDB."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._client, self._table = dynamodb, table

    def read(self, pk: str, sk: str) -> Row:
        """The row as of now; SpendUnavailable."""
        answer = self._call("get_item", Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
        item = answer.get("Item")
        if item is None:
            return Row(Account(), 0)
        try:
            return Row(Account.parse(json.loads(item["document"]["S"])), int(item["revision"]["N"]))
        except (KeyError, ValueError) as error:
            raise SpendUnavailable("a row that cannot be used") from error

    def write(self, pk: str, sk: str, row: Row, expires_at: int | None, told: Sequence[Told] = ()) -> None:
        """Write the account behind the revision that was read, with the facts; Overtaken, SpendUnavailable."""
        item: dict[str, Any] = {"pk": {"S": pk}, "sk": {"S": sk}, "document": {"S": row.account.text()}}
        item["revision"] = {"N": str(row.revision + 1)}
        if expires_at is not None:
            item["expires_at"] = {"N": str(expires_at)}
        put: dict[str, Any] = {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        if row.revision:
            put |= {"ConditionExpression": "revision = :r", "ExpressionAttributeValues": {":r": {"N": str(row.revision)}}}
        if not told:
            self._call("put_item", **put)
            return
        writes = [{"Put": {"TableName": self._table, **each}} for each in (put, *_facts(pk, told))]
        self._call("transact_write_items", TransactItems=writes)

    def _call(self, operation: str, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        named = parameters if operation == "transact_write_items" else {"TableName": self._table, **parameters}
        try:
            return getattr(self._client, operation)(**named)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if code == "ConditionalCheckFailedException" or reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                raise Overtaken from error
            if code in {"TransactionConflictException", "TransactionInProgressException"}:
                raise Overtaken from error
            raise SpendUnavailable(code) from error
        except BotoCoreError as error:
            raise SpendUnavailable(type(error).__name__) from error


def _facts(pk: str, told: Sequence[Told]) -> list[dict[str, Any]]:
    """Ledger rows with their outbox markers, as every context of the platform records its facts. A ledger row that is there already
    would be overwritten, which its stream does not announce again; the account's `told` lets that happen after a restored backup alone."""
    rows: list[dict[str, Any]] = []
    for fact in told:
        text = json.dumps(fact.document, separators=(",", ":"))
        rows.append({"Item": {"pk": {"S": pk}, "sk": {"S": fact.sk}, "document": {"S": text}, "event_id": {"S": fact.event_id}}})
        pointer = json.dumps({"pk": pk, "sk": fact.sk}, separators=(",", ":"))
        rows.append({"Item": {"pk": {"S": outbox_of(pk)}, "sk": {"S": fact.event_id}, "document": {"S": pointer}}})
    return rows
