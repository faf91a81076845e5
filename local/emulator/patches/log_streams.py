"""A function writes into one log stream as long as the emulator lives, and a stream keeps its last lines.

Stock: a stream for every invocation, and every line for ever in memory, one that was put twice: in its stream, and by its pointer. AWS
has a stream for each execution environment and keeps lines as long as the group says; a laptop's platform that runs for days cannot.
"""

from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from local.emulator.pin import expect, replace, rewrite

KEPT = 1000
"""Lines of a stream, 0.5 MiB and two hundred invocations of a function or more; half of them stay when they become too many."""


def apply() -> None:
    """Name streams by function, and cut them."""
    rewrite(lambda_svc, "_emit_lambda_logs", ("[{qualifier}]{new_uuid().replace('-', '')}", "[{qualifier}]{fn_name}"))
    expect(cloudwatch_logs._append_log_events, 'history = stream["events"]')

    def append(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        stock(stream, events)
        with cloudwatch_logs._log_events_lock:
            if len(stream["events"]) > KEPT:
                gone, stream["events"] = stream["events"][: -KEPT // 2], stream["events"][-KEPT // 2 :]
                for event in gone:
                    cloudwatch_logs._log_records.pop(event.get("eventId"), None)

    stock = replace(cloudwatch_logs, "_append_log_events", append)
