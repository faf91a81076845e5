"""The shortcuts through moto change what it takes, not what it answers."""

from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.fabric.moto_shortcuts import shortcuts

ROW: dict[str, Any] = {
    "pk": {"S": "a"},
    "sk": {"S": "1"},
    "count": {"N": "3"},
    "nothing": {"NULL": True},
    "flag": {"BOOL": False},
    "raw": {"B": b"\x00\x01"},
    "names": {"SS": ["x", "y"]},
    "nested": {"M": {"S": {"L": [{"S": "B"}, {"M": {"pk": {"N": "1"}}}]}}},
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


def answers(*, short: bool) -> list[Any]:
    """What a table tells after rows were written, read, found, and a transaction was undone."""
    with mock_aws(), shortcuts() if short else nullcontext():
        table: Any = boto3.client("dynamodb", region_name="eu-west-1")
        key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        types: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        table.create_table(TableName="t", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
        table.put_item(TableName="t", Item=ROW)
        kept = {"Put": {"TableName": "t", "Item": ROW | {"count": {"N": "4"}}}}
        added = {"Put": {"TableName": "t", "Item": ROW | {"sk": {"S": "2"}}}}
        removed = {"Delete": {"TableName": "t", "Key": {"pk": {"S": "a"}, "sk": {"S": "1"}}}}
        impossible = {
            "Put": {"TableName": "t", "Item": ROW | {"sk": {"S": "3"}}, "ConditionExpression": "attribute_exists(pk)"},
        }
        for first in (kept, removed):
            with pytest.raises(ClientError) as refused:
                table.transact_write_items(TransactItems=[first, added, impossible])
        found = [
            refused.value.response["CancellationReasons"],
            table.get_item(TableName="t", Key={"pk": {"S": "a"}, "sk": {"S": "1"}})["Item"],
            table.scan(TableName="t")["Items"],
        ]
        table.transact_write_items(TransactItems=[kept, added])
        found += [
            table.query(TableName="t", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "a"}})["Items"],
            {
                name: value
                for name, value in table.describe_table(TableName="t")["Table"].items()
                if name not in {"CreationDateTime", "TableId"}
            },
        ]
        return found


def test_answers_are_the_same() -> None:
    """With the shortcuts and without; and a transaction that fails has changed nothing."""
    short = answers(short=True)
    assert short == answers(short=False)
    assert short[1] == ROW
    assert short[2] == [ROW]
    assert [row["count"] for row in short[3]] == [{"N": "4"}, {"N": "3"}]
