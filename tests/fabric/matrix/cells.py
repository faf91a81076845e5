"""The matrix as a table: hop, fault, what is expected, and the function that proves it, or why the fault cannot befall the hop.

    API = Hop("H1", "API → table")

    @API.cell
    def timeout_after_success() -> int:
        \"\"\"The caller repeats under the same key and gets the answer that was lost.\"\"\"
        …
        return fabric.fired["lost dynamodb.TransactWriteItems"]

A proof is named for its fault, says in one sentence what is expected, and answers how often the fault came to pass; 0 fails the cell.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Proof = Callable[[], int]

FAULTS = (
    "duplicate",
    "reorder",
    "loss",
    "delay",
    "poison",
    "throttling",
    "partial batch",
    "crash between writes",
    "timeout after success",
    "stale read",
    "clock skew",
    "region 5xx",
    "quota",
    "gpu shortage",
    "out of memory",
    "health flap",
    "spot",
)


@dataclass(frozen=True)
class Cell:
    """One hop under one fault. `proof` None: it cannot happen there, and `sentence` says why."""

    hop: str
    fault: str
    sentence: str
    proof: Proof | None

    @property
    def name(self) -> str:
        """As it stands in a test's id."""
        return f"{self.hop}-{self.fault.replace(' ', '-')}"


@dataclass
class Hop:
    """One row of the matrix."""

    number: str
    name: str
    cells: dict[str, Cell] = field(default_factory=dict)

    def cell(self, proof: Proof) -> Proof:
        """Take a function for the proof of the cell that it is named for; its docstring is what is expected."""
        self._put(proof.__name__.replace("_", " "), " ".join((proof.__doc__ or "").split()), proof)
        return proof

    def reasoned(self, **reasons: str) -> None:
        """Why these faults cannot befall this hop, or where else they are dealt with: one sentence each."""
        for fault, reason in reasons.items():
            self._put(fault.replace("_", " "), reason, None)

    def _put(self, fault: str, sentence: str, proof: Proof | None) -> None:
        if fault not in FAULTS or fault in self.cells or not sentence.endswith("."):
            message = f"{self.number}: {fault} is no fault of the matrix, comes twice, or lacks its sentence"
            raise ValueError(message)
        self.cells[fault] = Cell(self.number, fault, sentence, proof)
