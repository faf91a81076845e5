"""The DynamoDB of the fabric answers as moto's does, call by call; and what moto leaves out is as AWS's documentation says."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import counted, scaled
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.aws.table import Record
from tests.fabric.pairs import Pair, pair

_PK, _SK = st.sampled_from(["A", "B"]), st.sampled_from(["LEDGER#1", "LEDGER#2", "MODEL", "TASK#é"])
_TEXT: Any = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "collection", "sort_key")]
_INDEX: Any = {
    "IndexName": "collection",
    "KeySchema": [{"AttributeName": "collection", "KeyType": "HASH"}, {"AttributeName": "sort_key", "KeyType": "RANGE"}],
    "Projection": {"ProjectionType": "ALL"},
}


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@st.composite
def _items(draw: st.DrawFn) -> dict[str, Any]:
    item = _key(draw(_PK), draw(_SK)) | {"revision": {"N": str(draw(st.integers(0, 2)))}, "document": {"S": "{}"}}
    if draw(st.booleans()):
        # One key per item: items with equal keys have no order among them.
        item |= {"collection": {"S": "MODEL"}, "sort_key": {"S": f"{item['pk']['S']}/{item['sk']['S']}"}}
    return item


def _conditions() -> st.SearchStrategy[dict[str, Any]]:
    unwritten = st.just({"ConditionExpression": "attribute_not_exists(pk)"})
    written = st.just({"ConditionExpression": "attribute_exists(sk)"})
    names, values = {"#0": "revision"}, st.integers(0, 2).map(lambda n: {":w0": {"N": str(n)}})
    signs = st.sampled_from(["#0 = :w0", "#0 <> :w0", "#0 >= :w0", "NOT #0 < :w0", "attribute_exists(pk) AND (#0 = :w0 OR #0 > :w0)"])
    equal = st.builds(
        lambda v, sign: {"ConditionExpression": sign, "ExpressionAttributeNames": names, "ExpressionAttributeValues": v}, values, signs
    )
    return st.one_of(st.just({}), unwritten, written, equal)


def _transactions() -> st.SearchStrategy[list[dict[str, Any]]]:
    put = st.builds(lambda item, condition: {"Put": {"TableName": "rows", "Item": item, **condition}}, _items(), _conditions())
    delete = st.builds(
        lambda pk, sk, condition: {"Delete": {"TableName": "rows", "Key": _key(pk, sk), **condition}}, _PK, _SK, _conditions()
    )
    check = st.builds(
        lambda pk, sk, condition: {"ConditionCheck": {"TableName": "rows", "Key": _key(pk, sk), **condition}},
        _PK,
        _SK,
        _conditions().filter(bool),
    )
    return st.lists(st.one_of(put, put, delete, check), min_size=1, max_size=4)


def _queries() -> st.SearchStrategy[dict[str, Any]]:
    forward, limit = st.booleans(), st.sampled_from([None, 1, 2])
    partition = st.builds(
        lambda pk, prefix, f, n, after: {
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
            "ExpressionAttributeValues": {":pk": {"S": pk}, **({":prefix": {"S": prefix}} if prefix else {})},
            "ScanIndexForward": f,
            "ConsistentRead": True,
            **({"Limit": n} if n else {}),
            **({"ExclusiveStartKey": _key(pk, after)} if after and after.startswith(prefix) else {}),
        },
        _PK,
        st.sampled_from(["", "LEDGER#"]),
        forward,
        limit,
        st.one_of(st.none(), _SK),
    )
    index = st.builds(
        lambda f, n, up_to: {
            "IndexName": "collection",
            "KeyConditionExpression": "#c = :c" + (" AND sort_key <= :up" if up_to else ""),
            "ExpressionAttributeNames": {"#c": "collection"},
            "ExpressionAttributeValues": {":c": {"S": "MODEL"}, **({":up": {"S": up_to}} if up_to else {})},
            "ScanIndexForward": f,
            **({"Limit": n} if n else {}),
        },
        forward,
        limit,
        st.sampled_from(["", "A/z"]),
    )
    return st.one_of(partition, index)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("transact"), _transactions()),
        st.tuples(st.just("put"), st.tuples(_items(), _conditions())),
        st.tuples(st.just("get"), st.tuples(_PK, _SK)),
        st.tuples(st.just("query"), _queries()),
    ),
    min_size=1,
    max_size=10,
)


def test_whatever_is_written_and_asked_is_answered_alike() -> None:
    """Puts, transactions with conditions, reads and pages of both kinds: same answers, refusals and reasons, and the same rows left."""
    fake = DynamoDb(lambda: 0.0, lambda _: None)
    with pair("dynamodb", fake) as two:
        keys: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        two.theirs.create_table(
            TableName="rows", AttributeDefinitions=_TEXT, KeySchema=keys, GlobalSecondaryIndexes=[_INDEX], BillingMode="PAY_PER_REQUEST"
        )

        @settings(max_examples=scaled(60), deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
        @given(steps=_STEPS)
        def alike(steps: list[tuple[str, Any]]) -> None:
            fake.create("rows")
            for item in _sorted(two.theirs):
                two.theirs.delete_item(TableName="rows", Key={"pk": item["pk"], "sk": item["sk"]})
            for kind, what in steps:
                _step(two, kind, what)
            assert _sorted(two.ours) == _sorted(two.theirs)
            counted("calls_compared_with_moto", len(steps), service="dynamodb")

        alike()


def _step(two: Pair, kind: str, what: Any) -> None:
    if kind == "transact":
        two.both("transact_write_items", TransactItems=what)
    elif kind == "put":
        item, condition = what
        two.both("put_item", TableName="rows", Item=item, **condition)
    elif kind == "get":
        two.both("get_item", lambda answer: answer.get("Item"), TableName="rows", Key=_key(*what), ConsistentRead=True)
    else:
        two.both("query", lambda answer: answer["Items"], TableName="rows", **what)


def _sorted(client: Any) -> list[Any]:
    return sorted(client.scan(TableName="rows")["Items"], key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


# ── what moto does not do ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Alone:
    """A table, and the records of its stream."""

    def __init__(self) -> None:
        self.now = 0.0
        self.records: list[Record] = []
        self.service = DynamoDb(lambda: self.now, self.records.append)
        self.service.create("rows")

    def put(self, sk: str, token: str | None = None, **attributes: Any) -> Any:
        """One transaction of one put."""
        item = _key("A", sk) | attributes
        more = {"ClientRequestToken": token} if token else {}
        return self.service.call("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "rows", "Item": item}}], **more})


def _code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_transaction_under_the_same_token_happens_once_within_ten_minutes() -> None:
    """API_TransactWriteItems, ClientRequestToken: repeated without effect for 10 minutes, refused for another request."""
    alone = _Alone()
    alone.put("x", token="t", revision={"N": "1"})
    alone.put("x", revision={"N": "2"})
    alone.put("x", token="t", revision={"N": "1"})
    assert len(alone.records) == 2
    with pytest.raises(ClientError) as refused:
        alone.put("y", token="t")
    assert _code(refused) == "IdempotentParameterMismatchException"
    alone.now = 601.0
    alone.put("x", token="t", revision={"N": "1"})
    assert len(alone.records) == 3


def test_a_write_that_changes_nothing_leaves_no_record_in_the_stream() -> None:
    """Streams.html: if a PutItem or UpdateItem does not change any data, no stream record is written."""
    alone = _Alone()
    alone.put("x")
    alone.put("x")
    assert [record.name for record in alone.records] == ["INSERT"]


def test_rows_go_some_time_after_their_expiry_and_the_stream_says_by_whom() -> None:
    """TTL.html and time-to-live-ttl-streams.html: deletions by the service carry `userIdentity` dynamodb.amazonaws.com."""
    alone = _Alone()
    alone.put("x", expires_at={"N": str(1767225600 + 60)})
    assert alone.service.expire() == 0
    alone.now = 61.0
    assert alone.service.expire() == 1
    assert alone.records[-1].document()["userIdentity"]["principalId"] == "dynamodb.amazonaws.com"


def test_a_read_through_the_index_may_be_old_and_a_consistent_one_may_not() -> None:
    """GSI.html: global secondary indexes are eventually consistent; a read with ConsistentRead shows every write that was answered."""
    alone = _Alone()
    alone.put("x", collection={"S": "MODEL"}, sort_key={"S": "x"})
    alone.service.stale = True
    asked = {
        "TableName": "rows",
        "IndexName": "collection",
        "KeyConditionExpression": "#c = :c",
        "ExpressionAttributeNames": {"#c": "collection"},
        "ExpressionAttributeValues": {":c": {"S": "MODEL"}},
    }
    assert alone.service.call("Query", asked)["Items"] == []
    assert "Item" in alone.service.call("GetItem", {"TableName": "rows", "Key": _key("A", "x"), "ConsistentRead": True})
    with pytest.raises(ClientError) as refused:
        alone.service.call("Query", asked | {"ConsistentRead": True})
    assert _code(refused) == "ValidationException"


def _put_of(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "rows", "Item": item, **more}}


_RESERVED: Any = {"ConditionExpression": "status = :s", "ExpressionAttributeValues": {":s": {"S": ""}}}
_UNUSED: Any = {"ConditionExpression": "attribute_exists(pk)", "ExpressionAttributeNames": {"#0": "x"}}


@pytest.mark.parametrize(
    ("items", "why"),
    [
        pytest.param([_put_of(_key("A", str(n))) for n in range(101)], "100", id="101 items"),
        pytest.param([_put_of(_key("A", "x"))] * 2, "one item", id="one item twice"),
        pytest.param([_put_of(_key("A", "x") | {"d": {"S": "x" * 409_600}})], "size", id="over 400 KB"),
        pytest.param([_put_of(_key("A", str(n)) | {"d": {"S": "x" * 400_000}}) for n in range(11)], "4 MB", id="over 4 MB"),
        pytest.param([_put_of(_key("", "x"))], "empty", id="an empty key"),
        pytest.param([_put_of(_key("A", "x"), **_RESERVED)], "reserved", id="a reserved word"),
        pytest.param([_put_of(_key("A", "x"), **_UNUSED)], "unused", id="an unused name"),
    ],
)
def test_what_dynamodb_does_not_even_try_is_refused(items: list[dict[str, Any]], why: str) -> None:
    """ServiceQuotas.html, API_TransactWriteItems and ReservedWords.html: limits of transactions, items, keys and expressions."""
    with pytest.raises(ClientError, match=why) as refused:
        _Alone().service.call("TransactWriteItems", {"TransactItems": items})
    assert _code(refused) == "ValidationException"


def test_a_query_answers_a_megabyte_at_a_time() -> None:
    """Query.Pagination.html: a page ends at 1 MB, and says where the next begins."""
    alone = _Alone()
    for number in range(4):
        alone.put(f"{number}", d={"S": "x" * 400_000})
    asked = {"TableName": "rows", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": "A"}}}
    page = alone.service.call("Query", asked)
    assert len(page["Items"]) == 3
    assert page["LastEvaluatedKey"] == _key("A", "2")
    assert len(alone.service.call("Query", asked | {"ExclusiveStartKey": page["LastEvaluatedKey"]})["Items"]) == 1
