#!/usr/bin/env python3
"""Publishes weights: writes a manifest with every file's SHA-256 and uploads all of it to s3://BUCKET/MODEL/VERSION/.

`publish.py BUCKET MODEL VERSION FILE…` prints the model's `artifact` field as JSON. The manifest goes last: it vouches for the rest.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "layers" / "contracts"))

import boto3

from contracts.artifact import MANIFEST_FILE, Manifest, ManifestFile, dump_manifest, manifest_digest


def manifest_of(model_id: str, version: str, license_name: str, files: list[Path]) -> Manifest:
    """The manifest of these files; pydantic's ValidationError where the artefact's rules forbid one."""
    listed = [ManifestFile(path=file.name, size_bytes=file.stat().st_size, sha256=_digest(file)) for file in files]
    form = "gguf" if any(file.suffix == ".gguf" for file in files) else "safetensors"
    content = {"schema": "slipway.manifest/1", "model_id": model_id, "version": version, "format": form, "license": license_name}
    return Manifest.model_validate(content | {"files": listed})


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def main() -> None:
    """Publish; the artefact on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bucket")
    parser.add_argument("model_id")
    parser.add_argument("version")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--license", default="unknown", help="SPDX identifier of the weights' licence")
    options = parser.parse_args()
    body = dump_manifest(manifest_of(options.model_id, options.version, options.license, options.files))
    s3, prefix = boto3.client("s3"), f"{options.model_id}/{options.version}/"
    for file in options.files:
        s3.upload_file(str(file), options.bucket, prefix + file.name)
    s3.put_object(Bucket=options.bucket, Key=prefix + MANIFEST_FILE, Body=body, ContentType="application/json")
    print(json.dumps({"uri": f"s3://{options.bucket}/{prefix}", "manifest_sha256": manifest_digest(body)}))


if __name__ == "__main__":
    main()
