"""What AWS's own services do in the name of a role that they were given."""

from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.iam_evaluator import EvalContext
from ministack.core.responses import get_account_id, get_region

JSON = dict[str, Any]


class RefusedError(Exception):
    """The role does not allow what its service is about to do; the message is AWS's."""


def act(role_arn: str, session: str, action: str, resource: str, keys: JSON | None = None) -> None:
    """Raise RefusedError unless the role's policies allow the action; `keys` are the condition keys of the call."""
    from ministack import app

    if not app.AUTH:
        return
    account, name = parse_arn(role_arn).account_id or get_account_id(), role_arn.rsplit("/", 1)[-1]
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    context = EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=keys or {},
    )
    if iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account)).decision != "Allow":
        raise RefusedError(f"User: {principal} is not authorized to perform: {action} on resource: {resource}")
