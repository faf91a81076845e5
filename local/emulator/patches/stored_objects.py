"""Objects lie on the disk only, and of an object is read what was asked for.

Stock: every version of an object in a bucket with versioning stays in memory beside its file, so that the laptop's model weighs 94 MiB
in the emulator, and each time that it is published 94 MiB more; and every part of an object that is asked for has the whole of it read.
"""

import mmap
from pathlib import Path
from typing import Any

from ministack.services import s3

from local.emulator.pin import expect, replace, rewrite

READ_WHOLE = "    body = _read_body(bucket_name, key, obj)\n\n    # partNumber"
READ_LATER = "    body = _slipway_content(bucket_name, key, obj)\n\n    # partNumber"
ANSWER_WHOLE = "    _apply_response_overrides(resp_headers, query_params)\n    return 200, resp_headers, body\n"
ANSWER_BYTES = "    _apply_response_overrides(resp_headers, query_params)\n    return 200, resp_headers, body[:]\n"


def content(bucket: str, key: str, record: dict[str, Any]) -> bytes | mmap.mmap:
    """An object's bytes, to be cut: mapped where they are a file's, so that only what is cut out is read."""
    path = s3._object_disk_path(bucket, key) if s3.S3_PERSIST and record.get("body") is None and record["size"] else None
    if path is not None:
        try:
            with Path(path).open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            pass  # stock says what it thinks of that
    body: bytes = s3._read_body(bucket, key, record)
    return body


def apply() -> None:
    """Let go of what is written, and read by parts."""
    s3._slipway_content = content
    rewrite(s3, "_get_object", (READ_WHOLE, READ_LATER), (ANSWER_WHOLE, ANSWER_BYTES))
    expect(s3._persist_object, '            obj["body"] = None\n')
    expect(s3._version_body, "return _read_body(bucket_name, key, current)", "_version_disk_path(bucket_name, key")
    expect(s3._record_object_version, "_persist_displaced_version(bucket_name, key, prior_obj, versioning)")

    def persist(bucket: str, key: str, record: Any) -> None:
        stock(bucket, key, record)
        if isinstance(record, dict) and record.get("body") is None:  # it is on the disk
            for version in s3._object_versions.get((bucket, key)) or []:
                if version["version_id"] == (record.get("version_id") or "null"):
                    version["data"] = None

    stock = replace(s3, "_persist_object", persist)
