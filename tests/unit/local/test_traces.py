"""The file that stands in for X-Ray on the laptop."""

import json
from pathlib import Path

from local.emulator.traces import TraceFile


def test_documents_are_lines_and_anything_else_is_left_out(tmp_path: Path) -> None:
    """The daemon's protocol is a header line and a document."""
    path = tmp_path / "traces.jsonl"
    traces = TraceFile(path)
    for datagram in (b'{"format":"json","version":1}\n{"id":"1"}', b"", b"\n[1]", b"header\nnot JSON", b'header\n{"id":"2"}'):
        traces.take(datagram)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["1", "2"]


def test_a_full_file_makes_room(tmp_path: Path) -> None:
    """The one before it goes; two files are the most there are."""
    path = tmp_path / "traces.jsonl"
    traces = TraceFile(path, limit_bytes=20)
    for number in range(5):
        traces.write({"id": f"{number:04}"})
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["0004"]
    assert [json.loads(line)["id"] for line in (tmp_path / "traces.jsonl.1").read_text().splitlines()] == ["0003"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_takes_nothing_harms_nobody(tmp_path: Path) -> None:
    """Without its folder the document is lost, and the caller goes on."""
    TraceFile(tmp_path / "gone" / "traces.jsonl").write({"id": "1"})
    assert not (tmp_path / "gone").exists()
