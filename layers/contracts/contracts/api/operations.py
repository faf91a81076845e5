"""Commands on their way."""

from typing import Final

from contracts.api.route import ApiRoute, model_command
from contracts.responses import Operation

OPERATIONS: Final = (
    ApiRoute(
        method="GET",
        path="/operations/{operation_id}",
        context="serving",
        function="read_operation",
        summary="Follow a command to its end",
        scope="models:read",
        answer=Operation,
        refusals=("operation-not-found",),
    ),
    model_command(
        method="POST",
        path="/operations/{operation_id}/cancel",
        function="cancel_operation",
        summary="Stop a running operation",
        conditional=False,
        plannable=False,
        refusals=("operation-not-found", "operation-ended", "operation-not-cancellable"),
    ),
)
