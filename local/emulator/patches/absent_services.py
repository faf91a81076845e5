"""Services that the emulator does not have are guarded all the same: a role that is not granted the call is refused it, as on AWS, and one
that is gets the emulator's word that there is no such service.

Stock: a call of a service that is not there is looked at by nobody, so that a missing grant shows on AWS first. And to find out that a
service exists at all, the first such call reads botocore's models of all 400 services: nearly four seconds, in which nobody is answered.
"""

import json
from typing import Any

from botocore.session import get_session
from ministack.core import iam_actions, router

from local.emulator.pin import expect, replace

JSON = dict[str, Any]
NAMESPACES = {"servicequotas": "servicequotas", "pricing": "pricing"}
"""What a request is signed for → what IAM calls it: those that Slipway asks."""


def apply() -> None:
    """Name their actions, and the resource of the one that has one; and know services by their names alone."""
    expect(router._is_aws_service_name, "return scope_name in _KNOWN_AWS_SERVICE_NAMES", "if _KNOWN_AWS_SERVICE_NAMES is None:")
    router._KNOWN_AWS_SERVICE_NAMES = frozenset([*get_session().get_available_services(), *NAMESPACES])
    expect(iam_actions.extract_iam_action, "namespace = SERVICE_TO_IAM_NAMESPACE.get(service)", "_action_from_target(headers)")
    for service, namespace in NAMESPACES.items():
        expect(str(service in iam_actions.SERVICE_TO_IAM_NAMESPACE), "False")
        iam_actions.SERVICE_TO_IAM_NAMESPACE[service] = namespace

    def extract_resource(service: str, method: str, path: str, headers: JSON, body: bytes, query: Any, region: str, account: str) -> str:
        if service == "servicequotas":
            return quota(body, region, account)
        return str(stock(service, method, path, headers, body, query, region, account))

    stock = replace(iam_actions, "extract_resource_arn", extract_resource)


def quota(body: bytes, region: str, account: str) -> str:
    """The ARN of the quota that a request names; `*` where it names none."""
    try:
        request = json.loads(body or b"{}")
        return f"arn:aws:servicequotas:{region}:{account}:{request['ServiceCode']}/{request['QuotaCode']}"
    except (ValueError, KeyError, TypeError):
        return "*"
