"""Rows, conditions and transactions."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from kit.errors import Broken, Contended, Transient
from kit.table import ConditionFailed, Row, Table, Transaction, decode, resume_key
from tests.fabric.world import images


def _insert(table: Table, pk: str, *sks: str, **attributes: Any) -> None:
    transaction = Transaction()
    for sk in sks:
        transaction.insert(sk, pk, sk, {"sk": sk}, **attributes)
    table.commit(transaction)


def test_a_row_comes_back_as_it_was_written(table: Table) -> None:
    """Any JSON in the document, numbers as they were, texts and whole numbers beside it; None leaves no attribute."""
    document = {"float": 0.1, "int": 2**60, "text": "ü \x00 \U0001f600", "none": None, "list": [[], {}]}
    table.commit(Transaction().insert("row", "p", "s", document, revision=3, name="n", nothing=None))
    assert table.get("p", "s") == Row("p", "s", document, {"revision": 3, "name": "n"})
    assert decode(images("kit")[0]) == table.get("p", "s")
    assert table.get("p", "other") is None


def test_an_insert_happens_once(table: Table) -> None:
    """The second names the row that was there."""
    _insert(table, "p", "a")
    with pytest.raises(ConditionFailed) as caught:
        table.commit(Transaction().insert("fresh", "p", "b", {}).insert("taken", "p", "a", {}))
    assert caught.value.labels == ["taken"]
    assert table.get("p", "b") is None


def test_a_replace_needs_the_row_as_it_was_read(table: Table) -> None:
    """Another revision, or no row at all: contended, nothing written."""
    _insert(table, "p", "a", revision=1)
    table.commit(Transaction().replace("a", "p", "a", {"n": 2}, when={"revision": 1}, revision=2))
    for sk in ("a", "gone"):
        with pytest.raises(Contended, match="condition-failed"):
            table.commit(Transaction().replace("a", "p", sk, {}, when={"revision": 1}, revision=2))
    row = table.get("p", "a")
    assert row is not None
    assert row.document == {"n": 2}


def test_a_delete_may_have_a_condition(table: Table) -> None:
    """Without one a missing row counts as deleted; with one it does not."""
    _insert(table, "p", "a", revision=1)
    with pytest.raises(ConditionFailed):
        table.commit(Transaction().delete("a", "p", "a", when={"revision": 9}))
    table.commit(Transaction().delete("a", "p", "a", when={"revision": 1}).delete("b", "p", "b"))
    assert table.get("p", "a") is None
    table.remove("p", "a")


def test_a_check_guards_the_others(table: Table) -> None:
    """A row that is only looked at decides."""
    _insert(table, "p", "guard", revision=1)
    with pytest.raises(ConditionFailed) as caught:
        table.commit(Transaction().check("guard", "p", "guard", when={"revision": 2}).put("b", "p", "b", {}))
    assert caught.value.labels == ["guard"]
    table.commit(Transaction().check("guard", "p", "guard", when={"revision": 1}).put("b", "p", "b", {}))
    assert table.get("p", "b") is not None


def test_nothing_to_write_is_no_call(table: Table) -> None:
    """DynamoDB refuses an empty transaction; we do not send one."""
    table.commit(Transaction())


def test_queries_by_prefix_position_and_direction(table: Table) -> None:
    """Key order, strictly behind a key, at most so many, backwards too."""
    _insert(table, "p", "A#1", "A#2", "A#3", "B#1")
    assert [row.sk for row in table.query("p", prefix="A#")] == ["A#1", "A#2", "A#3"]
    assert [row.sk for row in table.query("p", prefix="A#", after="A#1", limit=1)] == ["A#2"]
    assert [row.sk for row in table.query("p", forward=False, limit=2)] == ["B#1", "A#3"]
    assert list(table.query("other")) == []


def test_queries_go_on_over_pages(table: Table) -> None:
    """More than a megabyte comes back whole."""
    for number in range(5):
        table.commit(Transaction().insert("row", "p", f"{number}", {"text": "x" * 300_000}))
    assert len(list(table.query("p"))) == 5
    assert len(list(table.query("p", limit=4))) == 4


def test_collections_are_read_through_the_index(table: Table) -> None:
    """Sparse, by sort key, bounded, and resumed behind a row."""
    for name in ("a", "b", "c"):
        table.commit(Transaction().insert("row", f"M#{name}", "M", {}, collection="M", sort_key=name))
    _insert(table, "M#x", "M")
    every = list(table.query_collection("M"))
    assert [row.pk for row in every] == ["M#a", "M#b", "M#c"]
    assert [row.pk for row in table.query_collection("M", after=resume_key(every[0]), limit=1)] == ["M#b"]
    assert [row.pk for row in table.query_collection("M", prefix="b", forward=False)] == ["M#b"]


class Failing:
    """A client whose calls fail."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> None:
            raise self._error

        return call


def _error(code: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, **more}
    return ClientError(response, "TransactWriteItems")


def _cancelled(*reasons: str) -> ClientError:
    return _error("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (_cancelled("None", "ConditionalCheckFailed"), ConditionFailed, "condition-failed"),
        (_cancelled("TransactionConflict", "None"), Contended, "transaction-conflict"),
        (_cancelled("ThrottlingError", "None"), Transient, "table-throttled"),
        (_cancelled("ValidationError", "None"), Broken, "transaction-refused"),
        (_error("TransactionInProgressException"), Contended, "transaction-conflict"),
        (_error("ProvisionedThroughputExceededException"), Transient, "table-throttled"),
        (_error("InternalServerError"), Transient, "table-throttled"),
        (_error("ResourceNotFoundException"), Broken, "table-refused"),
        (_error("AccessDeniedException"), Broken, "table-refused"),
        (EndpointConnectionError(endpoint_url="http://x"), Transient, "table-unreachable"),
    ],
)
def test_errors_say_what_to_do(error: Exception, kind: type[Exception], code: str) -> None:
    """Come back, decide anew, or call a person."""
    transaction = Transaction().put("a", "p", "a", {}).put("b", "p", "b", {})
    with pytest.raises(kind, match=code) as caught:
        Table(Failing(error), "t").commit(transaction)
    assert type(caught.value) is kind
