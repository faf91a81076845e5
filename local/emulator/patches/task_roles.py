"""Tasks act as their task role, so IAM is enforced for engines and routers too; they are told their region and where the emulator is.

Stock: the credentials endpoint gives every task the same made-up credentials of no role.
"""

import hashlib
import json
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs, imds, sts

from local.emulator.pin import expect, replace

JSON = dict[str, Any]
LIFETIME_SECONDS = 6 * 3600
PREFIX = "/v2/credentials/"
_roles: dict[str, tuple[str, str, str]] = {}


def apply() -> None:
    """Answer each task's own credentials."""
    expect(imds.handle_request, 'if path.startswith("/v2/credentials/"):')
    expect(ecs._register_metadata, 'env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]', 'env["AWS_ENDPOINT_URL"]')

    def register(
        task_arn: str, cluster: str, definition: JSON, container: JSON, launch_type: str, env: JSON, host_mode: Any, address: Any
    ) -> Any:
        token = stock_register(task_arn, cluster, definition, container, launch_type, env, host_mode, address)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            env.setdefault(name, get_region())
        role = definition.get("taskRoleArn")
        if role:
            identifier = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"].rsplit("/", 1)[-1]
            _roles[identifier] = (role, task_arn.rsplit("/", 1)[-1], env["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
        else:
            del env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        return token

    async def answer(method: str, path: str, headers: JSON, body: bytes, query: Any) -> Any:
        if not path.startswith(PREFIX):
            return await stock_answer(method, path, headers, body, query)
        known = _roles.get(path.removeprefix(PREFIX))
        if known is None or headers.get("authorization") != known[2]:
            return 401, {"Content-Type": "application/json"}, b'{"message":"unknown task"}'
        return 200, {"Content-Type": "application/json"}, json.dumps(credentials(known[0], known[1])).encode()

    stock_register = replace(ecs, "_register_metadata", register)
    stock_answer = replace(imds, "handle_request", answer)


def credentials(role: str, session: str) -> JSON:
    """A session of a role, known to the emulator's IAM; the same keys for the same task, as a refresh must not invalidate the last."""
    digest = hashlib.sha256(f"{role}:{session}".encode()).hexdigest()
    access_key = f"ASIA{digest[:16].upper()}"
    secret, token = (hashlib.sha256(f"{kind}:{digest}".encode()).hexdigest() for kind in ("secret", "token"))
    name = role.rsplit("/", 1)[-1]
    arn = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{session}"
    sts.register_session(access_key, {"Arn": arn, "UserId": f"{name}:{session}", "SecretAccessKey": secret, "SessionToken": token})
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIFETIME_SECONDS))
    return {"RoleArn": role, "AccessKeyId": access_key, "SecretAccessKey": secret, "Token": token, "Expiration": expires}
