"""DynamoDB streams to functions: partial batches, finite retries, bisecting, on-failure destinations, one thread per mapping.

Stock: `batchItemFailures` count as success (records lost in silence), a raised error is retried for ever, and one slow function
holds up every other mapping; what was not delivered before a restart never is; a day's records stay in memory, copied every two seconds.
Delivery is prompt: the poller is woken by each write. What every mapping has read is forgotten but for the last records, where AWS keeps it
for a day: a platform that runs for days on a laptop would otherwise grow with all that ever happened.
"""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, request_scope
from ministack.services import dynamodb, lambda_svc

from local.emulator.pin import expect, replace

JSON = dict[str, Any]
log = logging.getLogger("slipway.table_streams")
IDLE_WAKE_GAP_SECONDS = 0.005
KEPT = 200
"""Records that are kept behind what every mapping has read, for whoever reads a stream by hand or maps it late."""
RETRY_BASE_SECONDS, RETRY_MAX_SECONDS = 0.1, 5.0

_busy: set[str] = set()
_busy_lock = threading.Lock()
_moving = threading.Lock()
"""Held where records are forgotten, and where a place in them is reckoned."""
_restored_positions: dict[str, int] = {}
STREAMS = "slipway_streams"


def refusal(_function: JSON, _mapping: JSON) -> str | None:
    """Why the function's role may not read the stream; `service_roles` puts the check in place of this."""
    return None


@dataclass
class Batch:
    """Records to deliver, in order, and how often that was tried."""

    records: list[JSON]
    tries: int = 0


def apply() -> None:
    """Take over the streams' part of the poll loop."""
    expect(lambda_svc._poll_loop, "processed = _poll_dynamodb_streams() or processed", "time.sleep(_ESM_IDLE_WAKE_GAP_SECONDS)")
    expect(dynamodb._emit_stream_event, "esm_wake.set()")
    expect(lambda_svc._send_ddb_stream_failure_record, "DDBStreamBatchInfo")
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = IDLE_WAKE_GAP_SECONDS
    replace(lambda_svc, "_poll_dynamodb_streams", poll)
    for name in ("stream_records_since", "stream_end_position"):
        _one_at_a_time(name)
    _keep_over_restarts()


def _one_at_a_time(name: str) -> None:
    def alone(*arguments: Any, **options: Any) -> Any:
        with _moving:
            return stock(*arguments, **options)

    stock = replace(dynamodb, name, alone)


def _keep_over_restarts() -> None:
    """Save a table's stream and how far each mapping has read it, with the table."""
    expect(dynamodb.get_state, '"tables": tables')

    def get_state() -> JSON:
        state: JSON = stock_get()
        with _moving:
            positions = {key[-1]: value for key, value in list(lambda_svc._dynamodb_stream_positions._data.items())}
            counter, records, trimmed = dynamodb._stream_seq_counter, AccountRegionScopedDict(), AccountRegionScopedDict()
            records._data.update({key: list(each) for key, each in dynamodb._stream_records._data.items()})  # no record ever changes
            trimmed._data.update(dynamodb._stream_trimmed._data)
        return state | {STREAMS: {"records": records, "trimmed": trimmed, "counter": counter, "positions": positions}}

    def restore(data: JSON) -> Any:
        kept = (data or {}).get(STREAMS)
        if kept:
            dynamodb._stream_records.update(kept["records"])
            dynamodb._stream_trimmed.update(kept["trimmed"])
            dynamodb._stream_seq_counter = kept["counter"]
            _restored_positions.update(kept["positions"])
        return stock_restore(data)

    stock_get = replace(dynamodb, "get_state", get_state)
    stock_restore = replace(dynamodb, "load_persisted_state", restore)


def poll() -> bool:
    """Start a delivery thread for each mapping with records waiting; whether any was started."""
    started = False
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":dynamodb:" not in mapping.get("EventSourceArn", "") or not mapping.get("Enabled", True):
            continue
        with request_scope(account, region):
            started = _start(account, region, mapping) or started
    return started


def _start(account: str, region: str, mapping: JSON) -> bool:
    identifier, table = mapping["UUID"], mapping["EventSourceArn"].split(":table/")[1].split("/")[0]
    function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
    if function is None or (dynamodb._tables.get(table) or {}).get("LatestStreamArn") != mapping["EventSourceArn"]:
        return False
    lambda_svc._init_stream_position(identifier, mapping["EventSourceArn"], mapping.get("StartingPosition", "LATEST"))
    with _busy_lock:
        if identifier in _busy or dynamodb.stream_end_position(table) <= _position(identifier, table):
            return False
        if refusal(function, mapping):
            return False
        _busy.add(identifier)
    arguments = (account, region, mapping, function, table)
    threading.Thread(target=_deliver_all, args=arguments, daemon=True, name=f"stream-{table}"[:15]).start()
    return True


def _position(identifier: str, table: str) -> int:
    # What was saved with the records is of their moment. The mapping's own record is not: it is saved at another one, and less often.
    known = _restored_positions.pop(identifier, None)
    known = lambda_svc._dynamodb_stream_positions[identifier] if known is None else known
    position = max(int(known), int(dynamodb.stream_start_position(table)))
    lambda_svc._dynamodb_stream_positions[identifier] = position
    return position


def _deliver_all(account: str, region: str, mapping: JSON, function: JSON, table: str) -> None:
    """Deliver until the stream is drained or the mapping is gone."""
    identifier = mapping["UUID"]
    with request_scope(account, region):
        try:
            while identifier in lambda_svc._esms and mapping.get("Enabled", True):
                position = _position(identifier, table)
                records = dynamodb.stream_records_since(table, position, int(mapping.get("BatchSize") or 100))
                if not records:
                    return
                _deliver(mapping, function, list(records))
                lambda_svc._dynamodb_stream_positions[identifier] = position + len(records)
                _forget(mapping["EventSourceArn"], table)
        except Exception:
            log.exception("delivery from %s stopped", table)
        finally:
            with _busy_lock:
                _busy.discard(identifier)
            lambda_svc._esm_wake.set()  # a record may have come between the last read and here


def _forget(stream: str, table: str) -> None:
    """Let go of what every mapping of the stream has read, but for the last records; of nothing while one has not begun."""
    with _moving:
        readers = [name for name, mapping in lambda_svc._esms.items() if mapping.get("EventSourceArn") == stream]
        read = [_restored_positions.get(name, lambda_svc._dynamodb_stream_positions.get(name, -1)) for name in readers]
        behind = min(map(int, read), default=-1)
        records, gone = dynamodb._stream_records.get(table), dynamodb._stream_trimmed.get(table, 0)
        if records and behind - KEPT > gone:
            count = behind - KEPT - gone
            del records[:count]
            dynamodb._stream_trimmed[table] = gone + count


def _deliver(mapping: JSON, function: JSON, records: list[JSON]) -> None:
    """Deliver records in order; returns when each was taken, given up on, or the mapping is gone."""
    waiting = [Batch(records)]
    while waiting and mapping["UUID"] in lambda_svc._esms:
        batch = waiting.pop(0)
        wanted = lambda_svc._apply_filter_criteria(batch.records, mapping)
        if not wanted:
            continue
        result = lambda_svc._execute_function(function, {"Records": wanted})
        rest = failed_part(batch, result, mapping)
        if rest is None:
            mapping["LastProcessingResult"] = f"OK - {len(wanted)} records"
            continue
        mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
        waiting[:0] = _again(rest, mapping, function, result)


def failed_part(batch: Batch, result: JSON, mapping: JSON) -> Batch | None:
    """What has to be delivered again: nothing, all of it, or everything from the first record reported as failed."""
    if result.get("error"):
        return batch
    body = result.get("body")
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
        return None
    failures = [failure.get("itemIdentifier") for failure in body.get("batchItemFailures") or []]
    if not failures:
        return None
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch.records]
    if any(failure not in numbers for failure in failures):
        return batch  # an identifier that is not of this batch fails all of it
    first = min(numbers.index(failure) for failure in failures)
    return Batch(batch.records[first:], batch.tries if first == 0 else 0)


def _again(batch: Batch, mapping: JSON, function: JSON, result: JSON) -> list[Batch]:
    """The batches to try next, after giving up on what is too old or was tried too often."""
    limit = mapping.get("MaximumRetryAttempts")
    oldest = min(float(record["dynamodb"].get("ApproximateCreationDateTime", time.time())) for record in batch.records)
    age = mapping.get("MaximumRecordAgeInSeconds")
    if len(batch.records) > 1 and mapping.get("BisectBatchOnFunctionError"):
        half = len(batch.records) // 2
        return [Batch(batch.records[:half], batch.tries), Batch(batch.records[half:], batch.tries)]
    reason = ""
    if age is not None and int(age) > 0 and time.time() - oldest > int(age):
        reason = "MaxRecordAgeExceeded"
    elif limit is not None and 0 <= int(limit) <= batch.tries:
        reason = "RetryAttemptsExhausted"
    if reason:
        lambda_svc._send_ddb_stream_failure_record(mapping, function, batch.records, mapping["EventSourceArn"], result, reason)
        return []
    time.sleep(min(RETRY_BASE_SECONDS * 2**batch.tries, RETRY_MAX_SECONDS))
    return [Batch(batch.records, batch.tries + 1)]
