"""Facts of an artefact, from its manifest and the beginnings of its files in the artefact bucket; never the weights themselves."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from contracts.artifact import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, ManifestError, parse_manifest
from serving.domain.facts import ModelFacts, Unread, config_facts
from serving.domain.gguf import CutShort, Malformed, gguf_facts, metadata

_CONFIG = "config.json"
_MAX_CONFIG_BYTES = 1024 * 1024
_HEADS = (64 * 1024, 4 * 1024 * 1024)  # of a GGUF: almost always enough, and the most that is read
_LATER_PART = re.compile(r"-(?!00001-of-)\d{5}-of-\d{5}\.gguf$")
_KEPT = 64


class _Unreadable(Exception):
    """Why there are no facts."""


class S3ArtifactFacts:
    """`ports.Artifacts`. Facts of a digest never change, so they are kept in the process. `client` makes the client when it is needed."""

    def __init__(self, client: Callable[[], Any], bucket: str, owner: str) -> None:
        self._client, self._bucket, self._owner = client, bucket, owner
        self._kept: dict[tuple[str, str], ModelFacts] = {}

    def facts(self, spec: Mapping[str, Any]) -> ModelFacts | Unread:
        """See `ports.Artifacts`."""
        if "artifact" not in spec:
            return Unread("a third party serves this model")
        uri, digest = str(spec["artifact"]["uri"]), str(spec["artifact"]["manifest_sha256"])
        if (uri, digest) in self._kept:
            return self._kept[uri, digest]
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if bucket != self._bucket:
            return Unread(f"the artefact lies in the bucket {bucket}, which is not this environment's")
        try:
            found = self._read(prefix, digest)
        except _Unreadable as error:
            return Unread(str(error))
        if isinstance(found, ModelFacts):
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[uri, digest] = found
        return found

    def _read(self, prefix: str, digest: str) -> ModelFacts | Unread:
        try:
            manifest = parse_manifest(self._get(prefix + MANIFEST_FILE, MAX_MANIFEST_BYTES), expected_sha256=digest)
        except ManifestError as error:
            raise _Unreadable(f"the artefact's manifest cannot be used: {error}"[:300]) from error
        weights = _weights(manifest)
        if manifest.format == "gguf":
            return self._gguf(prefix, manifest, weights)
        if manifest.file(_CONFIG) is None:
            return Unread(f"the artefact lists no {_CONFIG}")
        try:
            config = json.loads(self._get(prefix + _CONFIG, _MAX_CONFIG_BYTES))
        except (ValueError, RecursionError) as error:
            raise _Unreadable(f"{_CONFIG} is no JSON") from error
        if not isinstance(config, dict):
            return Unread(f"{_CONFIG} is no JSON object")
        try:
            return config_facts(config, weights)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise _Unreadable(f"{_CONFIG} holds a value that cannot be read: {error}"[:300]) from error

    def _gguf(self, prefix: str, manifest: Manifest, weights: int) -> ModelFacts | Unread:
        first = [file.path for file in manifest.files if file.path.endswith(".gguf") and not _LATER_PART.search(file.path)]
        if len(first) != 1:
            return Unread(f"the artefact holds {len(first)} GGUF models")
        for length in _HEADS:
            try:
                return gguf_facts(metadata(self._get(prefix + first[0], length, part=True)), weights)
            except CutShort:
                continue
            except (Malformed, ArithmeticError) as error:
                raise _Unreadable(f"the GGUF's metadata cannot be read: {error}") from error
        return Unread(f"the GGUF's metadata is longer than {_HEADS[-1]} bytes")

    def _get(self, key: str, most: int, *, part: bool = False) -> bytes:
        """At most so many bytes of an object; `part` asks S3 for no more than those."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            wanted = {"Range": f"bytes=0-{most - 1}"} if part else {}
            body: bytes = (
                self._client().get_object(Bucket=self._bucket, ExpectedBucketOwner=self._owner, Key=key, **wanted)["Body"].read(most + 1)
            )
        except ClientError as error:
            name = key.rsplit("/", 1)[-1]
            raise _Unreadable(f"{name} cannot be read in the artefact bucket: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise _Unreadable(f"the artefact bucket did not answer: {type(error).__name__}") from error
        if len(body) > most:
            raise _Unreadable(f"{key.rsplit('/', 1)[-1]} is larger than {most} bytes")
        return body


def _weights(manifest: Manifest) -> int:
    """Bytes of the files that an engine loads: of two renderings of the same weights, only the usual one."""
    found = {file.path: file.size_bytes for file in manifest.files if file.path.endswith(f".{manifest.format}")}
    usual = {path: size for path, size in found.items() if not path.rsplit("/", 1)[-1].startswith(("consolidated", "mmproj"))}
    return sum((usual or found).values())
