"""The artefact bucket in S3. Every call names the account that must own it: a bucket of that name in other hands is not read."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from contracts.artifact import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, ManifestError, manifest_digest, parse_manifest
from kit.errors import Broken, Transient
from registry.domain.version import Content, Rejection
from registry.ports import ArtifactRefused

Result = TypeVar("Result")

_MAX_PAGES = 20  # of 1,000 objects; a manifest lists 4,096 files at most
_OURS = {"AccessDenied", "AllAccessDisabled", "NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "403"}


class S3Artifacts:
    """Reads manifests and sizes; never the weights themselves, which the engine hashes before it starts."""

    def __init__(self, client: Any, bucket: str, owner: str) -> None:
        self._client, self._bucket, self._owner = client, bucket, owner

    @property
    def bucket(self) -> str:
        """Its name."""
        return self._bucket

    def content(self, prefix: str, manifest_sha256: str) -> Content:
        """What the manifest says."""
        document = self._manifest(prefix)
        if len(document) > MAX_MANIFEST_BYTES:
            raise _refused("manifest-invalid", f"{MANIFEST_FILE} is larger than {MAX_MANIFEST_BYTES} bytes", "List fewer files.")
        if manifest_digest(document) != manifest_sha256:
            raise _refused(
                "manifest-digest-mismatch",
                f"{MANIFEST_FILE} has the SHA-256 {manifest_digest(document)}, asked for is {manifest_sha256}",
                "Take the digest over the exact bytes that lie in the bucket.",
            )
        try:
            return _content(parse_manifest(document))
        except ManifestError as error:
            raise _refused("manifest-invalid", str(error), "Correct the manifest, upload it and use its new digest.") from error

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Path below the prefix → size in bytes."""
        found: dict[str, int] = {}
        more: dict[str, str] = {}
        for _ in range(_MAX_PAGES):
            page = self._page(prefix, more)
            if "IsTruncated" not in page:  # an answer that broke off must not be taken for a prefix without objects
                raise Transient("artifacts-unreachable", "the artefact bucket answered nothing")
            found |= {item["Key"].removeprefix(prefix): int(item["Size"]) for item in page.get("Contents", ())}
            if not page["IsTruncated"]:
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}
        many = f"more than {_MAX_PAGES * 1000} objects lie below the artefact's address"
        raise _refused("too-many-objects", many, "Give each version a prefix of its own.")

    def _manifest(self, prefix: str) -> bytes:
        def read() -> bytes:
            answer = self._client.get_object(Bucket=self._bucket, ExpectedBucketOwner=self._owner, Key=prefix + MANIFEST_FILE)
            document: bytes = answer["Body"].read(MAX_MANIFEST_BYTES + 1)
            return document

        return _translated(read)

    def _page(self, prefix: str, more: Mapping[str, str]) -> Any:
        return _translated(
            lambda: self._client.list_objects_v2(Bucket=self._bucket, ExpectedBucketOwner=self._owner, Prefix=prefix, **more)
        )


def _translated(call: Callable[[], Result]) -> Result:
    """What the call answers, with S3's errors turned into ours: only an object that is not there is the artefact's own fault."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code == "NoSuchKey":
            raise _refused(
                "manifest-not-found", f"there is no {MANIFEST_FILE} at the artefact's address", "Upload it, or correct artifact.uri."
            ) from error
        if code in _OURS:
            hint = "Compare the bucket's policy and owner with the function's role and environment."
            raise Broken("artifacts-refused", f"the artefact bucket answered {code}", hint) from error
        raise Transient("artifacts-unreachable", f"the artefact bucket answered {code}") from error
    except BotoCoreError as error:
        raise Transient("artifacts-unreachable", f"the artefact bucket did not answer: {type(error).__name__}") from error


def _content(manifest: Manifest) -> Content:
    files = tuple((file.path, file.size_bytes, file.sha256) for file in manifest.files)
    return Content(manifest.model_id, manifest.version, manifest.format, manifest.license, manifest.total_bytes, files)


def _refused(code: str, message: str, hint: str) -> ArtifactRefused:
    return ArtifactRefused(Rejection(code, message[:1000], hint))
