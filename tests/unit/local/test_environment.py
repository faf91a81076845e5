"""The file of values that shells and tests read."""

import stat
from pathlib import Path

from local import environment


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Values may hold equals signs."""
    environment.write(tmp_path / "env", {"A": "1", "TOKEN": "slp_x=="})
    assert environment.read(tmp_path / "env") == {"A": "1", "TOKEN": "slp_x=="}


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """It holds tokens, also after it was written again over a looser file."""
    path = tmp_path / "env"
    path.write_text("A=0\n")
    path.chmod(0o644)
    environment.write(path, {"A": "1"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    """The first `make up` finds none."""
    assert environment.read(tmp_path / "env") == {}
