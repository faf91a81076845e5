"""Where artefacts come from: a port, and its S3 adapter."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from engine.errors import EngineError

_READ_BYTES = 1024 * 1024
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound", "NoSuchVersion"}
_DENIED = {
    "401",
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "AccountProblem",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidObjectState",
}


class TransientStoreError(Exception):
    """A read failed in a way that a repetition may cure."""


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of an object as the store answered it: the object's whole size in bytes, and the bytes as they come."""

    total_bytes: int
    chunks: Iterator[bytes]


class Store(Protocol):
    """Reads objects below the artefact's prefix. Raises EngineError for what is final and TransientStoreError for what may pass."""

    def describe(self, path: str) -> str:
        """Name an object for people."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """Read at most `limit` + 1 bytes of a small object."""
        ...

    def open_range(self, path: str, start: int, end: int) -> Range:
        """Open the bytes from `start` to before `end`."""
        ...


class S3Store:
    """The artefact's prefix in S3, at AWS or wherever AWS_ENDPOINT_URL points. `owner` is the bucket's account, where known."""

    def __init__(self, uri: str, owner: str | None, connections: int) -> None:
        parts = urlsplit(uri)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not self._bucket:
            raise EngineError("configuration-invalid", f"{uri} is no address of the form s3://bucket/prefix/.")
        self._owner: dict[str, str] = {"ExpectedBucketOwner": owner} if owner else {}
        self._client = _client(connections)

    def describe(self, path: str) -> str:
        """Return the object's s3:// address."""
        return f"s3://{self._bucket}/{self._key(path)}"

    def read(self, path: str, limit: int) -> bytes:
        """Read a small object whole, or its first `limit` + 1 bytes."""
        body = self._get(path)["Body"]
        with closing(body), _Reading(self.describe(path)):
            content: bytes = body.read(limit + 1)
            return content

    def open_range(self, path: str, start: int, end: int) -> Range:
        """Open a byte range."""
        answer = self._get(path, Range=f"bytes={start}-{end - 1}")
        total = str(answer.get("ContentRange", "")).rpartition("/")[2]
        return Range(int(total) if total.isdigit() else int(answer["ContentLength"]), self._chunks(path, answer["Body"]))

    def _chunks(self, path: str, body: Any) -> Iterator[bytes]:
        with closing(body), _Reading(self.describe(path)):
            while chunk := body.read(_READ_BYTES):
                yield chunk

    def _get(self, path: str, **extra: str) -> Any:
        with _Reading(self.describe(path)):
            return self._client.get_object(Bucket=self._bucket, Key=self._key(path), **self._owner, **extra)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path


class _Reading:
    """Turns what the AWS library raises into our two kinds of failure."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        from botocore import exceptions as aws
        from urllib3.exceptions import HTTPError

        if isinstance(error, aws.ClientError):
            raise self._of_code(error) from error
        if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
            raise EngineError("weights-access-denied", f"There are no AWS credentials to read {self._what} with.") from error
        if isinstance(error, (aws.NoRegionError, aws.ParamValidationError)):
            raise EngineError("configuration-invalid", f"{self._what} cannot be read: {error}") from error
        if isinstance(error, (aws.BotoCoreError, HTTPError, OSError)):
            raise TransientStoreError(f"{self._what}: {type(error).__name__}: {error}") from error

    def _of_code(self, error: Any) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            return EngineError("weights-not-found", f"{self._what} does not exist ({code}).")
        if code in _DENIED or code.startswith("KMS."):
            return EngineError("weights-access-denied", f"Reading {self._what} was refused ({code}).")
        if code in {"InvalidRange", "416"}:
            return EngineError("weights-corrupt", f"{self._what} is shorter than the manifest says.")
        return TransientStoreError(f"{self._what}: {code}")


def _client(connections: int) -> Any:
    """Build the client on the first use of S3: the import takes longer than the supervisor's whole start."""
    import boto3
    from botocore.config import Config

    custom_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = Config(
        max_pool_connections=connections,
        connect_timeout=5,
        read_timeout=30,
        # One layer retries, and it is ours: only it can go on in the middle of a part.
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"} if custom_endpoint else {},
        # Our SHA-256 covers the whole file; a checksum of a part proves nothing more.
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", config=config)
