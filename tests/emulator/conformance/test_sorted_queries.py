"""AWS: a Query returns the rows of one partition in the order of the sort key's UTF-8 bytes, rows of an index with equal sort keys in
an order that stays; it reads at most Limit rows, or a megabyte, strictly beyond ExclusiveStartKey, and gives a LastEvaluatedKey whenever it
stopped for one of these, though nothing follow. What it reads depends on the page alone, not on how large the partition is.
"""

import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local import daemons
from local.settings import ROOT, Settings, interpreter
from tests.emulator.conformance.cloud import Cloud, free_ports
from tests.evidence import counted

JSON = dict[str, Any]
SEED = 20
LETTERS = "ab#Zz~é\U0001f6a2"
LARGE, SMALL = "large", "small"  # more rows than the patch reads as a whole, and fewer
KIND = "kind"
LAST = chr(0x10FFFF)

LOOKED_AT = """
import json, sys
from ministack.services import dynamodb
from local.emulator.patches import sorted_queries
if sys.argv[1] == "patched":
    sorted_queries.apply()
names = ("pk", "sk", "kind", "name")
made = dynamodb._create_table({
    "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [{"IndexName": "by-name", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
        {"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "name", "KeyType": "RANGE"}]}],
})
assert made[0] == 200, made
def row(number):
    return {"pk": {"S": "p"}, "sk": {"S": f"S#{number:05d}"}, "kind": {"S": "k"}, "name": {"S": f"n{number // 3:05d}"}}
for number in range(5000):
    dynamodb._put_item({"TableName": "rows", "Item": row(number)})
looked, evaluate = [0], dynamodb._evaluate_condition
def counting(*arguments, **options):
    looked[0] += 1
    return evaluate(*arguments, **options)
dynamodb._evaluate_condition = counting
ordered, position = [0], sorted_queries.Keys.position
def ordering(*arguments):
    ordered[0] += 1
    return position(*arguments)
sorted_queries.Keys.position = ordering
found = []
for index, condition in ((None, "pk = :p AND begins_with(sk, :b)"), ("by-name", "kind = :p AND begins_with(#n, :b)")):
    for forward in (True, False):
        for start in (None, row(2500)):
            values = {":p": {"S": "k" if index else "p"}, ":b": {"S": "n" if index else "S#"}}
            query = {"TableName": "rows", "KeyConditionExpression": condition, "ExpressionAttributeValues": values, "Limit": 50}
            query |= {"IndexName": index, "ExpressionAttributeNames": {"#n": "name"}} if index else {}
            query |= {"ExclusiveStartKey": start if index else {name: start[name] for name in ("pk", "sk")}} if start else {}
            key = {name: row(77)[name] for name in ("pk", "sk")}
            assert dynamodb._delete_item({"TableName": "rows", "Key": key})[0] == 200
            assert dynamodb._put_item({"TableName": "rows", "Item": row(77)})[0] == 200
            looked[0] = ordered[0] = 0
            status, _, body = dynamodb._query(query | {"ScanIndexForward": forward})
            answer = json.loads(body)
            assert status == 200, answer
            found.append({"status": status, "rows": len(answer["Items"]), "looked": looked[0] - (start is not None), "ordered": ordered[0]})
print(json.dumps(found))
"""


def looked_at(how: str) -> list[JSON]:
    """Pages of 50 among 5,000 rows, with the rows compared with the key condition for each (the cursor's own comparison is not a row's)."""
    command = [str(interpreter("emulator")), "-c", LOOKED_AT, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    found: list[JSON] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_page_looks_at_its_own_rows() -> None:
    """On AWS a page of 50 costs 50 rows' reading; here at most two more are looked at, where the stock emulator looks at all 5,000."""
    ours, stock = looked_at("patched"), looked_at("stock")
    assert [(each["status"], each["rows"]) for each in ours] == [(200, 50)] * 8
    assert max(each["looked"] for each in ours) <= 52
    assert min(each["looked"] for each in stock) == 5000
    assert sum(each["ordered"] > 1 for each in ours) == 2  # the first of table and index; a write between moves its own row only


@dataclass
class Rows:
    """A table with an index, and the same rows in a plain dictionary by their keys."""

    cloud: Cloud
    name: str = ""
    rows: dict[tuple[str, str], JSON] = field(default_factory=dict)
    asked: int = 0

    def create(self) -> None:
        """Make the table."""
        self.name = self.cloud.name("table")
        names = ("pk", "sk", "kind", "name")
        self.cloud.client("dynamodb").create_table(
            TableName=self.name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[{
                "IndexName": "by-name", "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "name", "KeyType": "RANGE"}],
            }],
        )  # fmt: skip

    def batch(self, rows: list[JSON]) -> None:
        """BatchWriteItem, 25 at a time."""
        for first in range(0, len(rows), 25):
            puts = [{"PutRequest": {"Item": row}} for row in rows[first : first + 25]]
            self.cloud.client("dynamodb").batch_write_item(RequestItems={self.name: puts})
        self.rows |= {key_of(row): row for row in rows}

    def transact(self, puts: list[JSON], deletes: list[tuple[str, str]]) -> None:
        """TransactWriteItems."""
        items: list[JSON] = [{"Put": {"TableName": self.name, "Item": row}} for row in puts]
        items += [{"Delete": {"TableName": self.name, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}} for pk, sk in deletes]
        self.cloud.client("dynamodb").transact_write_items(TransactItems=items)
        self.rows |= {key_of(row): row for row in puts}
        for key in deletes:
            del self.rows[key]

    def rename(self, key: tuple[str, str], name: str | None) -> None:
        """UpdateItem of the index's sort key; None takes the row out of the index."""
        row = {attribute: value for attribute, value in self.rows[key].items() if attribute != "name"}
        update: JSON = {"UpdateExpression": "REMOVE #n"}
        if name is not None:
            row["name"] = {"S": name}
            update = {"UpdateExpression": "SET #n = :n", "ExpressionAttributeValues": {":n": row["name"]}}
        where = {"pk": {"S": key[0]}, "sk": {"S": key[1]}}
        self.cloud.client("dynamodb").update_item(TableName=self.name, Key=where, ExpressionAttributeNames={"#n": "name"}, **update)
        self.rows[key] = row

    def expected(self, partition: str, index: bool, allowed: Any, forward: bool) -> list[JSON]:
        """What a query without a limit has to find: filter all, sort all."""
        of, by = (KIND, "name") if index else ("pk", "sk")
        found = [row for row in self.rows.values() if row[of]["S"] == partition and by in row and allowed(row[by]["S"])]
        return sorted(found, key=lambda row: [row[name]["S"].encode() for name in (by, "pk", "sk")], reverse=not forward)

    def pages(self, query: JSON) -> Iterator[list[JSON]]:
        """Page after page, until there is no LastEvaluatedKey."""
        client = self.cloud.client("dynamodb")
        start: JSON = {}
        while True:
            answer = client.query(TableName=self.name, **query, **start)
            self.asked += 1
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def check(self, dice: random.Random) -> None:
        """Every form of condition, in both directions, through table and index, in pages of different sizes."""
        for index in (False, True):
            by = "name" if index else "sk"
            for partition in (LARGE, SMALL, "nowhere"):
                values = sorted(row[by]["S"] for row in self.rows.values() if by in row)
                low, high = sorted(dice.sample(values, 2))
                for condition, given, allowed in forms(low, high, dice.choice(LETTERS)):
                    for forward, limit in ((True, dice.choice((None, 7, 50))), (False, dice.choice((None, 1 + len(self.rows) // 3)))):
                        self.compare(
                            index, partition, (condition, given), limit, self.expected(partition, index, allowed, forward), forward
                        )

    def compare(
        self, index: bool, partition: str, condition: tuple[str, JSON], limit: int | None, wanted: list[JSON], forward: bool
    ) -> None:
        """One query, page by page, against what is wanted."""
        of, by = (KIND, "name") if index else ("pk", "sk")
        query: JSON = {
            "KeyConditionExpression": "#of = :of" + condition[0],
            "ExpressionAttributeNames": {"#of": of} | ({"#by": by} if condition[0] else {}),
            "ExpressionAttributeValues": {":of": {"S": partition}} | {name: {"S": value} for name, value in condition[1].items()},
            "ScanIndexForward": forward,
        }
        query |= ({"IndexName": "by-name"} if index else {}) | ({"Limit": limit} if limit else {})
        pages = list(self.pages(query))
        assert [key_of(row) for page in pages for row in page] == [key_of(row) for row in wanted], query
        assert [row for page in pages for row in page] == wanted
        if limit:  # the last page is the first that is not full: a full one tells of a next, which may be empty
            assert [len(page) for page in pages] == [limit] * (len(wanted) // limit) + [len(wanted) % limit], query


def forms(low: str, high: str, letter: str) -> list[tuple[str, dict[str, str], Any]]:
    """A condition on the sort key, its values, and the same as a predicate."""
    return [
        ("", {}, lambda _: True),
        (" AND begins_with(#by, :a)", {":a": letter}, lambda value: value.startswith(letter)),
        (" AND begins_with(#by, :a)", {":a": low[:2]}, lambda value: value.startswith(low[:2])),
        (" AND begins_with(#by, :a)", {":a": LAST}, lambda value: value.startswith(LAST)),
        (" AND #by > :a", {":a": low}, lambda value: value > low),
        (" AND #by >= :a", {":a": low}, lambda value: value >= low),
        (" AND #by < :a", {":a": high}, lambda value: value < high),
        (" AND #by <= :a", {":a": high}, lambda value: value <= high),
        (" AND #by = :a", {":a": low}, lambda value: value == low),
        (" AND #by BETWEEN :a AND :b", {":a": low, ":b": high}, lambda value: low <= value <= high),
    ]


def key_of(row: JSON) -> tuple[str, str]:
    """Partition and sort key."""
    return row["pk"]["S"], row["sk"]["S"]


def word(dice: random.Random, length: int) -> str:
    """Letters of one, two and four bytes."""
    return "".join(dice.choices(LETTERS, k=length))


def some_rows(dice: random.Random, partition: str, count: int) -> list[JSON]:
    """Rows with distinct keys, few distinct names, and some without a name."""
    keys = {word(dice, dice.randint(1, 6)) + LAST * (dice.random() < 0.05) for _ in range(count)}
    found = []
    for key in sorted(keys):
        row = {"pk": {"S": partition}, "sk": {"S": key}, KIND: {"S": partition}, "body": {"S": word(dice, 20)}}
        found.append(row | ({"name": {"S": word(dice, dice.randint(1, 2))}} if dice.random() < 0.9 else {}))
    dice.shuffle(found)
    return found


def change(table: Rows, dice: random.Random) -> None:
    """Overwrite, delete, rename and add, by each of the ways to write."""
    keys = dice.sample(sorted(key for key in table.rows if key[0] == LARGE), 60)
    table.batch([table.rows[key] | {"name": {"S": word(dice, 2)}} for key in keys[:20]])
    table.transact([table.rows[key] | {KIND: {"S": SMALL}} for key in keys[20:30]], keys[30:40])
    for key in keys[40:50]:
        table.rename(key, dice.choice((None, word(dice, 2))))
    for key in keys[50:]:
        table.cloud.client("dynamodb").delete_item(TableName=table.name, Key={"pk": {"S": key[0]}, "sk": {"S": key[1]}})
        del table.rows[key]
    table.batch([row for row in some_rows(dice, LARGE, 40) if key_of(row) not in table.rows])


def exchange(table: Rows, dice: random.Random) -> None:
    """As many rows come as go, in table and index, and some move: nothing but their keys tells that anything happened."""
    going = dice.sample(sorted(key for key, row in table.rows.items() if row[KIND]["S"] == key[0] == LARGE and "name" in row), 40)
    coming = [row for row in some_rows(dice, LARGE, 60) if key_of(row) not in table.rows and "name" in row]
    table.transact(coming[:15], going[:15])
    for key in going[15:]:
        table.rename(key, word(dice, 2))


def test_every_query_is_as_sorting_and_filtering_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On AWS the rows and pages of a query follow from the table's content alone: after each kind of write, and after a restart."""
    emulator_port, router_port, containers_port = free_ports(3)
    settings = Settings(tmp_path_factory.mktemp("sorted"), emulator_port, router_port, containers_port)
    emulator, dice = daemons.emulator(settings), random.Random(SEED)
    table = Rows(Cloud(settings))
    try:
        emulator.start()
        emulator.wait()
        table.create()
        table.batch([*some_rows(dice, LARGE, 420), *some_rows(dice, SMALL, 30)])
        table.check(dice)
        exchange(table, dice)
        table.check(dice)
        for _ in range(2):
            change(table, dice)
            table.check(dice)
        emulator.stop()
        emulator.start()
        emulator.wait()
        table.check(dice)
        change(table, dice)
        table.check(dice)
    finally:
        emulator.stop()
    counted("query_pages_compared", table.asked, context="emulator")


def test_a_page_ends_at_a_megabyte(cloud: Cloud) -> None:
    """On AWS a query without Limit stops before the row that would exceed a megabyte, and the pages together are the whole."""
    table = Rows(cloud)
    table.create()
    body = {"S": "x" * 20_000}
    table.batch([{"pk": {"S": LARGE}, "sk": {"S": f"{number:04d}"}, "body": body} for number in range(240)])
    names = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": LARGE}}}
    pages = list(table.pages(names))
    assert [row["sk"]["S"] for page in pages for row in page] == [f"{number:04d}" for number in range(240)]
    assert [len(page) for page in pages] == [52, 52, 52, 52, 32]
