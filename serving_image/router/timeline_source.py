"""What live streams are fed by: serving's own rows, read by key and never written. Blocking; called in threads of their own."""

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

from contracts import timeline
from router.aws import Table

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to tell: a number that only rises, by which a stream is resumed, and its JSON."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may listen: members of `groups` that may use the model; all but administrators from the item `first` on."""

    model_id: str
    groups: frozenset[str]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What there was beyond a number, oldest first, perhaps not all. `audience` None: as before. `ended`: nothing will ever follow."""

    items: tuple[Item, ...] = ()
    audience: Audience | None = None
    ended: bool = False


class Source(Protocol):
    """One kind of thing to follow. Both methods block and raise SourceUnavailable."""

    def begin(self, name: str) -> tuple[Audience, int] | None:
        """Who may listen, and the number behind which a listener starts who has heard nothing yet; None if there is no such thing."""
        ...

    def look(self, name: str, after: int) -> Look:
        """What there is beyond `after`."""
        ...


class ModelEvents:
    """A model's ledger. Who may listen changes with a ledger row only, so it is read again with each."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._rows = _Rows(dynamodb, table)

    def begin(self, name: str) -> tuple[Audience, int] | None:
        """See `Source`: from the newest entry on."""
        document = self._rows.get(timeline.MODEL_PARTITION + name, timeline.MODEL_KEY)
        return (_audience(name, document), int(document["revision"])) if document else None

    def look(self, name: str, after: int) -> Look:
        """See `Source`."""
        partition = timeline.MODEL_PARTITION + name
        rows = self._rows.behind(partition, timeline.LEDGER_PREFIX, f"{timeline.LEDGER_PREFIX}{after:012d}")
        if not rows:
            return Look()
        document = self._rows.get(partition, timeline.MODEL_KEY)
        items = tuple(Item(int(row["revision"]), json.dumps(timeline.entry_view(row)).encode()) for row in rows)
        return Look(items, _audience(name, document) if document else None)


class OperationProgress:
    """An operation's row, as often as it changes."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._rows = _Rows(dynamodb, table)

    def begin(self, name: str) -> tuple[Audience, int] | None:
        """See `Source`: how it stands is told first."""
        document = self._read(name)
        return (Audience(document["model_id"], frozenset(document["allowed_groups"])), 0) if document else None

    def look(self, name: str, after: int) -> Look:
        """See `Source`. What lay between two looks is not told: the row says how things stand."""
        document = self._read(name)
        if document is None:
            return Look(ended=True)
        number = int(document["edition"])
        items = (Item(number, json.dumps(timeline.operation_view(document)).encode()),) if number > after else ()
        return Look(items, ended=document["status"] in timeline.ENDS)

    def _read(self, name: str) -> dict[str, Any] | None:
        return self._rows.get(timeline.OPERATION_PARTITION + name, timeline.OPERATION_KEY)


class _Rows:
    """Rows by key."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._table = Table(dynamodb, table)

    def get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self._table.read("get_item", Key={"pk": {"S": pk}, "sk": {"S": sk}})
        return _document(answer["Item"]) if "Item" in answer else None

    def behind(self, pk: str, prefix: str, sk: str) -> list[dict[str, Any]]:
        """At most a page of rows with that prefix behind `sk`, in order."""
        answer = self._table.read(
            "query",
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": {"S": pk}, ":low": {"S": sk + "+"}, ":high": {"S": prefix + "~"}},
            Limit=_PAGE,
        )
        return [_document(item) for item in answer["Items"]]


def _audience(name: str, document: dict[str, Any]) -> Audience:
    return Audience(name, frozenset(document["spec"].get("allowed_groups", ())), int(document.get("life", 1)))


def _document(item: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(item["document"]["S"])
    return content
