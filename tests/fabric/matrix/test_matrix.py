"""Every cell of the fault matrix: proven, or with its reason; and each fault has come to pass where it was proven."""

import pytest

from scripts import fault_matrix
from tests.evidence import counted
from tests.fabric.matrix import cells
from tests.fabric.matrix.hops import HOPS

_CELLS = [cell for hop in HOPS for cell in hop.cells.values()]


def test_no_cell_of_the_matrix_is_left_out() -> None:
    """Nine hops by seventeen faults are 153 cells, and each has a proof or a sentence."""
    assert [hop.number for hop in HOPS] == [f"H{number}" for number in range(1, 10)]
    left_out = [f"{hop.number} {fault}" for hop in HOPS for fault in cells.FAULTS if fault not in hop.cells]
    assert left_out == []
    assert len(_CELLS) == 9 * 17
    for cell in _CELLS:
        if cell.proof is None:
            counted("matrix_cells_reasoned", 1, hop=cell.hop, fault=cell.fault)


def test_the_page_says_what_the_proofs_say() -> None:
    """docs/fault-matrix.md is what `make matrix` writes."""
    assert fault_matrix.PAGE.read_text() == fault_matrix.page()


@pytest.mark.parametrize("cell", [cell for cell in _CELLS if cell.proof], ids=lambda cell: cell.name)
def test_what_is_expected_of_a_hop_under_a_fault(cell: cells.Cell) -> None:
    """The fault comes to pass at least once, and what the cell's sentence says is true."""
    assert cell.proof is not None
    fired = cell.proof()
    assert fired > 0, f"{cell.name}: the fault never came to pass, so nothing was proven"
    counted("matrix_cells_covered", 1, hop=cell.hop, fault=cell.fault)
    counted("faults_injected", fired, kind=cell.fault, ring="fabric")
