"""Every decision about what a role may do is kept, in the file that SLIPWAY_ROLE_USE names.

Stock: the emulator's CloudTrail keeps calls, but not which statement allowed them, forgets them in a restart, and takes a transaction for
one call.
"""

import contextvars
import os
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator

from local.emulator.pin import expect, replace
from local.emulator.role_use import RoleUse

_of_a_resource: contextvars.ContextVar[bool] = contextvars.ContextVar("of_a_resource", default=False)


def apply() -> None:
    """Listen to the evaluator where it looks at what roles are granted, not at what buckets and secrets say of them."""
    expect(iam_evaluator.enforce, "result = evaluate(ctx, principal.policies, *principal.limits)")
    expect(iam_evaluator.evaluate, 'return EvalResult("Allow", ctx.principal_arn, allow.sid, "Explicit allow")')
    path = os.environ.get("SLIPWAY_ROLE_USE")
    if not path:
        return
    use = RoleUse(Path(path))

    def resource_policy(*arguments: Any, **options: Any) -> Any:
        token = _of_a_resource.set(True)
        try:
            return stock_resource_policy(*arguments, **options)
        finally:
            _of_a_resource.reset(token)

    def evaluate(context: Any, policies: Any, *limits: Any) -> Any:
        result = stock(context, policies, *limits)
        if not _of_a_resource.get():
            use.note(context.principal_arn, context.action, context.resource_arn, result.matched_sid, result.decision)
        return result

    stock = replace(iam_evaluator, "evaluate", evaluate)
    stock_resource_policy = replace(iam_evaluator, "evaluate_resource_policy", resource_policy)
