"""What operators see of serving: figures of the whole as metrics, of one operation or one model as fields of a log line."""

from collections.abc import Iterable
from dataclasses import asdict

from kit.observability import count, gauge, logger
from serving.domain.moments import seconds_between
from serving.domain.operation import Operation, OperationStatus
from serving.domain.stock import Stock

SWEEP_HOURS = 1 / 60  # the sweep's schedule: each run answers for the minute until the next


class MetricGauges:
    """`ports.Gauges`. While nothing is under way and nothing runs, nothing is told."""

    def show(self, stock: Stock) -> None:
        """See `ports.Gauges`."""
        gauge("OperationsInProgress", stock.operations, "Count")
        gauge("OldestOperation", stock.oldest_seconds, "Seconds")
        gauge("OverdueOperation", stock.overdue_seconds, "Seconds")
        gauge("CostPerHour", stock.usd_per_hour, "None")
        count("GpuHours", round(stock.gpus * SWEEP_HOURS, 6))
        for model in stock.models:
            logger.info("copies", extra={"stock": asdict(model)})


def moved(operations: Iterable[tuple[Operation | None, Operation]]) -> None:
    """Tell of operations that have just been written, as pairs of before (None = new) and after: what is accepted, and what has ended."""
    for before, after in operations:
        if before is None:
            count("OperationAccepted")
        if after.ended and not (before and before.ended):
            _settled(after)


def _settled(operation: Operation) -> None:
    """Late: it has not ended by itself within the time that was promised when it was accepted."""
    ended = operation.ended_at or operation.updated_at
    seconds = seconds_between(operation.created_at, ended)
    late = ended > operation.deadline
    count("OperationSettled")
    count("OperationLate", late)
    count("OperationSucceeded", operation.status is OperationStatus.SUCCEEDED)
    count("OperationFailed", operation.status is OperationStatus.FAILED)
    gauge("OperationSeconds", seconds, "Seconds")
    told = {
        "operation_id": operation.operation_id,
        "model_id": operation.model_id,
        "kind": operation.kind,
        "status": operation.status.value,
        "code": operation.reason.code if operation.reason else None,
        "seconds": seconds,
    } | ({"late_seconds": seconds_between(operation.deadline, ended)} if late else {})
    logger.info("operation settled", extra={"operation": told})
