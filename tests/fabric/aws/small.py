"""S3, Secrets Manager and the services that describe a region, as far as anybody calls them."""

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fabric.aws.boundary import ACCOUNT
from tests.fabric.aws.errors import NotFaked, refusal

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Buckets:
    """S3: objects of one account's buckets. `sizes` may say that an object is larger than what is kept of it."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, bytes]] = {}
        self.sizes: dict[tuple[str, str], int] = {}

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """GetObject and ListObjectsV2."""
        bucket = given["Bucket"]
        if bucket not in self.objects:
            raise refusal(operation, "NoSuchBucket", "The specified bucket does not exist")
        if given.get("ExpectedBucketOwner", ACCOUNT) != ACCOUNT:
            raise refusal(operation, "AccessDenied", "Access Denied")
        return self._get(operation, given) if operation == "GetObject" else self._list(operation, given)

    def put(self, bucket: str, key: str, content: bytes, size: int | None = None) -> None:
        """An object, perhaps with a size that is only claimed."""
        self.objects.setdefault(bucket, {})[key] = content
        self.sizes[bucket, key] = len(content) if size is None else size

    def _get(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        content = self.objects[given["Bucket"]].get(given["Key"])
        if content is None:
            raise refusal(operation, "NoSuchKey", "The specified key does not exist.")
        if match := _RANGE.fullmatch(given.get("Range", "")):
            if int(match[1]) >= len(content):
                raise refusal(operation, "InvalidRange", "The requested range is not satisfiable")
            content = content[int(match[1]) : int(match[2]) + 1]
        return {"Body": io.BytesIO(content), "ContentLength": len(content)}

    def _list(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        if operation != "ListObjectsV2":
            raise NotFaked(operation)
        bucket, prefix = given["Bucket"], given.get("Prefix", "")
        keys = [key for key in sorted(self.objects[bucket]) if key.startswith(prefix)]
        listed = [{"Key": key, "Size": self.sizes[bucket, key]} for key in keys]
        return {"IsTruncated": False, "KeyCount": len(listed), **({"Contents": listed} if listed else {})}


class Secrets:
    """Secrets Manager: secrets by ARN."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """GetSecretValue."""
        if operation != "GetSecretValue":
            raise NotFaked(operation)
        if given["SecretId"] not in self.values:
            raise refusal(operation, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": given["SecretId"], "SecretString": self.values[given["SecretId"]]}


class Silent:
    """A service of which the account has no leave to ask anything: what a region offers is then read from the shipped list."""

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Refused."""
        raise refusal(operation, "UnauthorizedOperation", "You are not authorized to perform this operation.")


class Quotas:
    """Service Quotas and the metric of their use, in vCPU, alike for every quota.

    `value` None = nobody may ask. `used` None = as much as `running` counts; else so much whatever runs.
    """

    def __init__(self, running: Callable[[], float]) -> None:
        self.value: float | None = None
        self.used: float | None = None
        self._running = running

    def call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """GetServiceQuota and GetMetricStatistics."""
        if self.value is None:
            raise refusal(operation, "AccessDeniedException", "You are not authorized to perform this operation.")
        if operation == "GetMetricStatistics":
            return {"Datapoints": [{"Timestamp": given["EndTime"], "Maximum": self._running() if self.used is None else self.used}]}
        metric = {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": {"Service": "EC2"}}
        return {"Quota": {"QuotaCode": given["QuotaCode"], "Value": self.value, "UsageMetric": metric}}


def artefact(buckets: Buckets, bucket: str, model_id: str, version: str, *, size: int = 1000) -> dict[str, str]:
    """Put an artefact that the registry accepts; what a wish says of it: `{"uri", "manifest_sha256"}`."""
    prefix = f"{model_id}/{version}/"
    weights = f"{model_id} {version}".encode()
    file = {"path": "model.gguf", "size_bytes": size, "sha256": hashlib.sha256(weights).hexdigest()}
    manifest = {
        "schema": "slipway.manifest/1",
        "model_id": model_id,
        "version": version,
        "format": "gguf",
        "license": "apache-2.0",
        "files": [file],
    }
    content = json.dumps(manifest, sort_keys=True).encode()
    buckets.put(bucket, prefix + "manifest.json", content)
    buckets.put(bucket, prefix + "model.gguf", weights, size)
    return {"uri": f"s3://{bucket}/{prefix}", "manifest_sha256": hashlib.sha256(content).hexdigest()}
