"""AWS: every version of an object can be read, whole or in part, however large it is and however many there are."""

from pathlib import Path

import pytest

from local import daemons
from tests.emulator.conformance.cloud import Cloud, eventually

MIB = 2**20
SIZE = 24 * MIB
COUNT = 4


def body(number: int) -> bytes:
    """That many MiB that no other number has."""
    return bytes([number]) * SIZE


def resident(pid: int) -> float:
    """Resident memory of a process, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A bucket with versioning."""
    s3, name = cloud.client("s3"), cloud.name("bucket")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": cloud.settings.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def test_versions_are_read_back_and_none_is_held_in_memory(cloud: Cloud, bucket: str) -> None:
    """Of four versions each has its own content, and the emulator holds less than one of them when they are written."""
    pid, s3 = daemons.emulator(cloud.settings).pid(), cloud.client("s3")
    assert pid
    before = resident(pid)
    versions = [s3.put_object(Bucket=bucket, Key="k", Body=body(number))["VersionId"] for number in range(COUNT)]
    s3.head_object(Bucket=bucket, Key="k")  # while a connection waits, the server holds the last request that came by it
    assert eventually(lambda: resident(pid) - before, lambda more: more < SIZE / MIB) < SIZE / MIB
    for number, version in enumerate(versions):
        assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == body(number)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body(COUNT - 1)


def test_a_part_of_an_object(cloud: Cloud, bucket: str) -> None:
    """Ranges from the middle, of the end, and of an empty object are what they are on AWS."""
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    middle = s3.get_object(Bucket=bucket, Key="k", Range="bytes=3-5")
    assert (middle["Body"].read(), middle["ContentRange"]) == (b"345", "bytes 3-5/10")
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-2")["Body"].read() == b"89"
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_deleting_the_last_version_brings_back_the_one_before(cloud: Cloud, bucket: str) -> None:
    """And so does deleting a marker."""
    s3 = cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"one")
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
