"""A version as it is read back, and who may read it."""

from typing import Any

from kit.caller import Caller
from kit.errors import NotFound
from registry.domain.version import CHECKS, Version
from registry.ports import VersionTable

_LONGEST_ID = 63


def shown(version: Version) -> dict[str, Any]:
    """The document of `contracts.views.ModelVersion`."""
    content, rejection = version.content, version.rejection
    files = content.files if content else ()
    return {
        "model_id": version.request.model_id,
        "version": version.request.version,
        "status": version.status,
        "manifest_sha256": version.request.manifest_sha256,
        "artifact_uri": version.request.artifact_uri,
        "format": content.format if content else "",
        "license": content.license if content else "",
        "size_bytes": content.size_bytes if content else 0,
        "files": [{"path": path, "size_bytes": size, "sha256": sha256} for path, size, sha256 in files],
        "checks": list(CHECKS) if version.status == "validated" else [],
        "failure": {"code": rejection.code, "message": rejection.message, "hint": rejection.hint} if rejection else None,
        "created_by": version.created_by,
        "created_at": version.created_at,
    }


def require_sight(table: VersionTable, caller: Caller, model_id: str) -> None:
    """`NotFound("model-not-found")` alike for a model that never was and one whose groups the caller is not in."""
    audience = table.audience(model_id) if len(model_id) <= _LONGEST_ID else None
    if audience is None or not caller.may_see(model_id, audience.allowed_groups):
        raise NotFound("model-not-found", "no such model", "List the models that you may see with GET /models.")
