"""Records on disk, and the batches that they become."""

import asyncio
import errno
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.usage import UsageBatch
from router.aws import QueueUnavailable
from router.log import Log
from router.metrics import Metrics
from router.telling.batches import MOST_ROWS, Sums
from router.telling.record import FORM, Record
from router.telling.spool import Spool
from router.telling.teller import Losses, Teller
from tests.unit.router.fakes import Clock

NOON = 1_795_262_400_000  # 2026-11-21T12:00:00Z


def record(number: int = 0, **changes: Any) -> Record:
    """A request of 10 tokens that was answered with 5."""
    made = Record(
        FORM, NOON, f"r-{number}", "abcdefghijklmn23", "token:abcdefghijklmn23", "research", "tiny", "1.0.0", "t-1", "hosted", "",
        "/v1/chat/completions", "ok", 200, 10, 5, 2, 1, 0, 0, 0, False, True, 20, 100, 0, "router-0",
    )  # fmt: skip
    return made._replace(**changes)


class Disk:
    """A spool in a directory, what it lost, and spools of later processes there."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock = path, Clock()
        self.lost: list[tuple[int, str]] = []

    def spool(self, most_bytes: int = 10**6) -> Spool:
        """A process's spool; the process before is dead unless its spool is still held."""
        return Spool(self.path, 30.0, most_bytes, lambda count, why: self.lost.append((count, why)), self.clock)

    def waiting(self, spool: Spool) -> dict[str, Any]:
        """The batches that wait, by id."""
        return {path.stem: json.loads(path.read_bytes()) for path in spool.waiting()}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """An empty one."""
    return Disk(tmp_path / "usage")


def kill(spool: Spool) -> None:
    """What the kernel does for a process that is killed: its files are closed, and their locks with them."""
    if spool._file is not None:
        os.close(spool._file)
        spool._file = None


def test_a_segment_becomes_a_batch_when_it_is_old_enough(disk: Disk) -> None:
    """Sums of its records, by day, caller, group, model and version, in the form that the contract has."""
    spool = disk.spool()
    for number in range(3):
        spool.append(record(number))
    spool.append(record(3, outcome="client_gone", estimated=True, first_token_ms=None))
    spool.append(record(4, outcome="engine_failed", status=502, input_tokens=0, output_tokens=0, when_ms=NOON + 86_400_000))
    spool.seal_if_due()
    spool.settle()
    assert not spool.waiting()
    disk.clock.now += 30.0
    spool.seal_if_due()
    spool.settle()
    ((name, document),) = disk.waiting(spool).items()
    batch = UsageBatch.validate_document(document)
    assert batch.id == name
    first, second = batch.rows
    assert (first.day, first.requests, first.input_tokens, first.output_tokens, first.broken_off, first.estimated) == (
        "2026-11-21",
        4,
        40,
        20,
        1,
        1,
    )
    assert (first.first_tokens, first.first_token_ms, first.failed) == (3, 60, 0)
    assert (second.day, second.requests, second.failed, second.output_tokens) == ("2026-11-22", 1, 1, 0)


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 50)), max_size=400))
def test_batches_hold_what_the_records_say(seen: list[tuple[int, int]]) -> None:
    """However many callers there are, no token is lost or doubled, no batch is larger than a transaction, ids follow from the segment."""
    records = [record(input_tokens=tokens, subject=f"token:{caller}") for caller, tokens in seen]
    sums = Sums()
    for each in records:
        sums.add(each)
    made = [UsageBatch.validate_document(json.loads(content)) for _, content in sums.batches("01KAB0Q4M8ZXS0V9T2Y6R3N7PE")]
    assert sum(row.input_tokens for batch in made for row in batch.rows) == sum(tokens for _, tokens in seen)
    assert sum(row.requests for batch in made for row in batch.rows) == len(seen)
    assert all(len(batch.rows) <= MOST_ROWS for batch in made)
    assert [batch.id for batch in made] == [f"01KAB0Q4M8ZXS0V9T2Y6R3N7PE-{place:03d}" for place in range(len(made))]


def test_a_killed_process_leaves_all_that_was_written(disk: Disk) -> None:
    """The next one finds the open segment and sends it, under the name that it had."""
    first = disk.spool()
    first.append(record())
    name = first._name
    kill(first)
    second = disk.spool()
    second.settle()
    assert [path.stem for path in second.waiting()] == [f"{name}-000"]


def test_a_segment_that_is_read_has_the_sums_that_were_kept_beside_it(disk: Disk, tmp_path: Path) -> None:
    """So that whoever takes up what a dead process left writes the batches which that one may have written already."""
    spool, other = disk.spool(), Disk(tmp_path / "other")
    for number in range(100):
        spool.append(record(number, subject=f"token:{number}", outcome=("ok", "cut", "engine_failed")[number % 3], duration_ms=number))
    other.path.mkdir()
    (other.path / f"{spool._name}.sealed").write_bytes((disk.path / f"{spool._name}.open").read_bytes())
    spool.seal()
    spool.settle()
    heir = other.spool()
    heir.settle()
    assert disk.waiting(spool) == other.waiting(heir)
    assert len(disk.waiting(spool)) == 2
    assert not list(disk.path.glob("*.sealed")) + list(other.path.glob("*.sealed"))


def test_a_segment_of_nothing_but_different_callers_has_batches_that_are_taken(disk: Disk) -> None:
    """However many rows a full segment sums up to: the number in a batch's id has three digits."""
    spool, number = disk.spool(), 0
    while not spool._closing:
        spool.append(record(number, subject=f"token:{number}"))
        number += 1
    batches = list(spool._closing[0][2].batches(spool._name))
    assert sum(len(UsageBatch.model_validate_json(body).rows) for _, body in batches[-1:]) == number - MOST_ROWS * (len(batches) - 1)


def test_a_process_beside_this_one_keeps_its_segment(disk: Disk) -> None:
    """While one router drains its successor runs on the same disk: neither takes what the other still writes."""
    old, new = disk.spool(), disk.spool()
    old.append(record())
    new.append(record())
    new.settle()
    assert not new.waiting()
    old.append(record())
    old.seal()
    old.settle()
    ((_, batch),) = disk.waiting(new).items()
    assert batch["rows"][0]["requests"] == 2
    kill(new)


def test_half_a_line_is_counted_and_costs_no_other(disk: Disk) -> None:
    """A machine that died while it wrote leaves a line that breaks off: that record is lost, which is told, and the others are not."""
    dead, spool = disk.spool(), disk.spool()
    dead.append(record())
    os.write(dead._descriptor(), record().line()[:40])
    kill(dead)
    spool.settle()
    ((_, batch),) = disk.waiting(spool).items()
    assert batch["rows"][0]["requests"] == 1
    assert disk.lost == [(1, "a line broke off")]


def test_a_disk_that_refuses_loses_nothing_silently(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record that the disk does not take is told, and the next one begins a segment of its own."""
    spool = disk.spool()
    spool.append(record())
    real, refusals = os.write, [OSError(errno.ENOSPC, "full")]

    def write(file: int, data: bytes) -> int:
        if refusals:
            raise refusals.pop()
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    spool.append(record())
    spool.append(record())
    spool.seal()
    spool.settle()
    assert disk.lost == [(1, "OSError")]
    assert sum(batch["rows"][0]["requests"] for batch in disk.waiting(spool).values()) == 2


def test_a_full_spool_refuses_what_is_new(disk: Disk) -> None:
    """What waits is kept, what comes is counted as lost; once the queue takes batches again, records are kept again."""
    spool = disk.spool(most_bytes=1)
    spool.append(record())
    spool.seal()
    spool.settle()
    spool.append(record())
    assert disk.lost == [(1, "the spool is full")]
    for path in spool.waiting():
        path.unlink()
    spool.settle()
    spool.append(record())
    assert disk.lost == [(1, "the spool is full")]
    kill(spool)


class Queue:
    """A queue that refuses as often as it is told to, and takes what it refuses where `takes` says so."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.refusals = 0
        self.takes = False

    def send(self, body: str) -> None:
        """Take or refuse."""
        if self.refusals:
            self.refusals -= 1
            if self.takes:
                self.sent.append(json.loads(body)["id"])
            raise QueueUnavailable("ServiceUnavailable")
        self.sent.append(json.loads(body)["id"])


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """One thread."""
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.mark.parametrize("takes", [False, True])
def test_what_the_queue_refuses_is_sent_again_under_its_id(disk: Disk, executor: ThreadPoolExecutor, takes: bool) -> None:
    """At least once: also where the queue took it and only its answer was lost."""
    queue, metrics, spool = Queue(), Metrics(), disk.spool()
    queue.refusals, queue.takes = 1, takes
    teller = Teller(spool, queue, executor, router_id="router-0", metrics=metrics, log=Log(io.BytesIO()))
    spool.append(record())

    async def twice() -> None:
        await teller.flush(10)
        assert b"slipway_router_usage_spool_batches 1.0" in metrics.text()
        await teller.flush(10)

    asyncio.run(twice())
    assert len(set(queue.sent)) == 1
    assert len(queue.sent) == 1 + takes
    assert b"slipway_router_usage_spool_batches 0.0" in metrics.text()
    assert b'slipway_router_usage_batches_total{outcome="failed"} 1.0' in metrics.text()


def test_losses_are_counted_each_and_logged_now_and_then() -> None:
    """A disk that refuses thousands writes no thousands of lines."""
    out, clock, metrics = io.BytesIO(), Clock(), Metrics()
    alarms: list[int] = []
    losses = Losses(metrics, Log(out), alarms.append, clock)
    for moment in (0.0, 1.0, 2.0, 11.0):
        clock.now = moment
        losses.tell(1, "OSError")
    assert [json.loads(line)["records"] for line in out.getvalue().splitlines()] == [1, 3]
    assert b"slipway_router_usage_records_lost_total 4.0" in metrics.text()


def test_a_record_has_no_room_for_words() -> None:
    """Its text fields are ids, names and codes: none of them is a prompt, an answer, a header or a message."""
    texts = {name for name, kind in Record.__annotations__.items() if kind is str}
    assert texts == {
        "request_id", "token_id", "subject", "group", "model", "version", "target", "hosting", "priced_as", "endpoint", "outcome",
        "router_id",
    }  # fmt: skip
