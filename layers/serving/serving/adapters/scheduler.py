"""EventBridge Scheduler: one one-time schedule per model, which calls the function that acts on the model's own schedule.

The name is the model's id, with a dot behind it in the second slot: a schedule that has fired is removed by the service some time after,
and one that was set anew under the same name in between would go with it. The group is the environment's own: names need not say which.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kit.errors import Broken, Transient
from serving.domain.agenda import Agenda

_SECOND = "."
_PASSING = frozenset({"ThrottlingException", "InternalServerException", "ConflictException", "ServiceQuotaExceededException"})
_SERVER_ERROR = 500
_RETRIES = {"MaximumRetryAttempts": 4, "MaximumEventAgeInSeconds": 300}  # what comes later than that, the sweep has done


@dataclass(frozen=True)
class Ringing:
    """What an alarm calls and how: ARNs of the function, of the role that may invoke it and of the queue for calls that fail."""

    function: str
    role: str
    dead_letters: str


class SchedulerRemoval:
    """`ports.AlarmRemoval`."""

    def __init__(self, client: Any, group: str) -> None:
        self._client, self._group = client, group

    def remove(self, model_id: str) -> None:
        """See `ports.AlarmRemoval`."""
        for name in (model_id, model_id + _SECOND):
            self._call("delete_schedule", "ResourceNotFoundException", Name=name, GroupName=self._group)

    def _call(self, operation: str, harmless: str | None = None, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == harmless:
                return None
            told = f"{operation} answered {code}: {error.response['Error'].get('Message', '')}"
            failed = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_ERROR
            if failed or code in _PASSING or (operation == "update_schedule" and code == "ResourceNotFoundException"):
                raise Transient("scheduler-refused", told) from error
            raise Broken("scheduler-refused", told) from error
        except BotoCoreError as error:
            raise Transient("scheduler-unreachable", f"{operation} failed: {type(error).__name__}") from error


class SchedulerAlarms(SchedulerRemoval):
    """`ports.Alarms`."""

    def __init__(self, client: Any, group: str, ringing: Ringing) -> None:
        super().__init__(client, group)
        self._ringing = ringing

    def put(self, agenda: Agenda, generation: int) -> None:
        """See `ports.Alarms`."""
        wanted = self._schedule(agenda, generation)
        if self._call("create_schedule", "ConflictException", **wanted) is None:
            # Gone between the two: what is left is to come back.
            self._call("update_schedule", **wanted)

    def set_for(self) -> Iterator[tuple[str, int]]:
        """See `ports.Alarms`."""
        more: dict[str, Any] = {}
        while True:
            page = self._call("list_schedules", GroupName=self._group, MaxResults=100, **more)
            for item in page["Schedules"]:
                name = str(item["Name"])
                yield name.removesuffix(_SECOND), int(name.endswith(_SECOND))
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _schedule(self, agenda: Agenda, generation: int) -> dict[str, Any]:
        at = datetime.fromisoformat(str(agenda.alarm)).astimezone(UTC)
        return {
            "Name": agenda.model_id + _SECOND * agenda.slot,
            "GroupName": self._group,
            "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Target": {
                "Arn": self._ringing.function,
                "RoleArn": self._ringing.role,
                "Input": json.dumps({"model_id": agenda.model_id, "generation": generation}),
                "RetryPolicy": _RETRIES,
                "DeadLetterConfig": {"Arn": self._ringing.dead_letters},
            },
        }
