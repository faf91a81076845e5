"""A DynamoDB table in memory: its rows, its index, its stream's records, and how it looked before its last change."""

from dataclasses import dataclass, field
from typing import Any

from tests.fabric.aws.partition import Image, Sorted


@dataclass(frozen=True)
class Record:
    """One record of a table's stream (view type NEW_IMAGE). `at` in virtual seconds."""

    table: str
    name: str
    keys: Image
    image: Image | None
    number: int
    at: float
    by_ttl: bool = False

    def document(self) -> dict[str, Any]:
        """The record as a function receives it."""
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": 1767225600.0 + int(self.at),
            "Keys": self.keys,
            "SequenceNumber": f"{self.number:021d}",
            "SizeBytes": 256,
            "StreamViewType": "NEW_IMAGE",
        }
        if self.image is not None:
            change["NewImage"] = dict(self.image)
        found = {
            "eventID": f"{self.table}-{self.number}",
            "eventName": self.name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": change,
            "eventSourceARN": f"arn:aws:dynamodb:eu-west-1:123456789012:table/{self.table}/stream/2026-01-01T00:00:00.000",
        }
        if self.by_ttl:
            found["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        return found


@dataclass
class Table:
    """One table: partitions, the index by collection, and how the index looked before its last change."""

    name: str
    partitions: dict[str, Sorted] = field(default_factory=dict)
    collections: dict[str, Sorted] = field(default_factory=dict)
    before: list[tuple[Image, Image | None, Image | None]] = field(default_factory=list)
    """The changes of the last transaction: keys, image before, image after."""

    def get(self, pk: str, sk: str) -> Image | None:
        """The row as of now."""
        partition = self.partitions.get(pk)
        return partition.images.get((sk,)) if partition else None

    def images(self) -> list[Image]:
        """Every row, by key."""
        return [self.partitions[pk].images[key] for pk in sorted(self.partitions) for key in self.partitions[pk].keys]

    def write(self, keys: Image, image: Image | None) -> Image | None:
        """Put or delete one row, in table and index; what was there before."""
        pk, sk = keys["pk"]["S"], keys["sk"]["S"]
        partition = self.partitions.get(pk)
        if partition is None:
            partition = self.partitions[pk] = Sorted()
        old = partition.images.get((sk,))
        if image is None:
            partition.remove((sk,))
        else:
            partition.put((sk,), image)
        self._index(pk, sk, old, image)
        return old

    def _index(self, pk: str, sk: str, old: Image | None, new: Image | None) -> None:
        if old and (place := place_of(old)):
            self.collections[place[0]].remove((place[1], pk, sk))
        if new and (place := place_of(new)):
            self.collections.setdefault(place[0], Sorted()).put((place[1], pk, sk), new)


def place_of(image: Image) -> tuple[str, str] | None:
    """Collection and sort key of an item that the index holds."""
    if "collection" in image and "sort_key" in image:
        return image["collection"]["S"], image["sort_key"]["S"]
    return None


def earlier(table: Table, pk: str, sk: str, now: Image | None) -> Image | None:
    """The row as it was before the last transaction; `now` if that did not touch it."""
    for keys, old, _ in table.before:
        if (keys["pk"]["S"], keys["sk"]["S"]) == (pk, sk):
            return old
    return now


def collection_before(table: Table, rows: Sorted, wanted: str) -> Sorted:
    """The collection as it was before the table's last transaction."""
    found = Sorted()
    for key in rows.keys:
        found.put(key, rows.images[key])
    for keys, old, new in table.before:
        pk, sk = keys["pk"]["S"], keys["sk"]["S"]
        if new and (place := place_of(new)) and place[0] == wanted:
            found.remove((place[1], pk, sk))
        if old and (place := place_of(old)) and place[0] == wanted:
            found.put((place[1], pk, sk), old)
    return found
