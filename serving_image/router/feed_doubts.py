"""What is not believed of a table, however well it reads: a poison table is refused as a whole, and the last good one stays.

A table's revision only rises, one change at a time; it does not lose most of its rows at once, nor get more than it may hold. Who has
followed it since it started never believes otherwise: that is for people to look at, and a router without a disk believes what it finds.
One that has only what its disk kept believes what it sees several times, since the table may have been restored while it was away.
"""

from typing import Final

_TIMES: Final = 3
_LONGEST_LEAP: Final = 100_000
_MANY: Final = 10


class Doubts:
    """One table's. `settled`: this process has followed the table itself."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._times = 0
        self.settled = False

    def about_head(self, held: int, read: int, *, loaded: bool) -> str | None:
        """Why a head's revision is not believable; None if it is."""
        if read < held:
            return "went-back"
        return "leapt" if loaded and read - held > _LONGEST_LEAP else None

    def about_rows(self, held: int, kept: int, read: int) -> str | None:
        """Why a whole table is not: so many rows were held, `kept` of those are among the `read` ones."""
        if read > self._most_rows:
            return "too-many-rows"
        if held and not read:
            return "empty"
        return "most-rows-gone" if held >= _MANY and kept * 2 < held else None

    def persist(self) -> bool:
        """Whether what is doubted has been seen so often, by a router that does not know better, that it is believed."""
        if self.settled:
            return False
        self._times += 1
        return self._times >= _TIMES

    def calm(self) -> None:
        """Everything is as it should be, or was believed."""
        self._times = 0
        self.settled = True
