"""The rows of one partition, or of one collection of the index, in key order, as DynamoDB holds and reads them."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any

Image = dict[str, dict[str, Any]]
PAGE_BYTES = 1_048_576  # what one Query reads before it answers with a LastEvaluatedKey


class Sorted:
    """Images by sort key. A key is a tuple of strings: (sk,) in the table; (sort_key, pk, sk) in the index, whose keys may be equal."""

    __slots__ = ("images", "keys")

    def __init__(self) -> None:
        self.keys: list[tuple[str, ...]] = []
        self.images: dict[tuple[str, ...], Image] = {}

    def put(self, key: tuple[str, ...], image: Image) -> None:
        """Add or replace."""
        if key not in self.images:
            insort(self.keys, key)
        self.images[key] = image

    def remove(self, key: tuple[str, ...]) -> None:
        """Take away; one that is not there is none."""
        if self.images.pop(key, None) is not None:
            self.keys.pop(bisect_left(self.keys, key))

    def walk(self, *, prefix: str = "", after: tuple[str, ...] | None = None, forward: bool = True) -> Iterator[Image]:
        """Images in key order whose first part begins with `prefix`, strictly beyond `after`."""
        low = bisect_left(self.keys, (prefix,)) if prefix else 0
        high = bisect_left(self.keys, (prefix + "\U0010ffff",)) if prefix else len(self.keys)
        if after is not None:
            if forward:
                low = max(low, bisect_right(self.keys, after))
            else:
                high = min(high, bisect_left(self.keys, after))
        found = self.keys[low:high]
        for key in found if forward else reversed(found):
            yield self.images[key]


def size_of(image: Image) -> int:
    """Bytes that DynamoDB counts of an item: names and values in UTF-8."""
    total = 0
    for name, value in image.items():
        ((_, raw),) = value.items()
        text = raw if isinstance(raw, str) else str(raw)
        total += len(name) + (len(text) if text.isascii() else len(text.encode()))
    return total
