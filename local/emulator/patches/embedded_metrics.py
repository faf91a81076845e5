"""Metrics written into logs in the embedded metric format become CloudWatch metrics.

Stock: the line is in the log group, and no metric is made of it.
"""

import json
import logging
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc

from local.emulator.pin import expect, replace

JSON = dict[str, Any]
log = logging.getLogger("slipway.embedded_metrics")


def apply() -> None:
    """Read the log lines of functions and of everything that calls PutLogEvents."""
    expect(lambda_svc._emit_lambda_logs, "log_text.splitlines()")
    expect(cloudwatch._put_metric_data, 'namespace = cbor_data.get("Namespace", "")')

    def emit_logs(func: JSON, request_id: str, log_text: str, error: bool, duration_ms: int, **options: Any) -> None:
        stock_emit(func, request_id, log_text, error, duration_ms, **options)
        record((log_text or "").splitlines())

    def put_log_events(data: JSON) -> Any:
        answer = stock_put(data)
        record([event.get("message", "") for event in data.get("logEvents", [])])
        return answer

    stock_emit = replace(lambda_svc, "_emit_lambda_logs", emit_logs)
    stock_put = replace(cloudwatch_logs, "_put_log_events", put_log_events)


def record(lines: list[str]) -> None:
    """Store the metrics that lines carry; a malformed line is no metric, as on AWS."""
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            document = json.loads(line[line.index("{") :])
            for namespace, data in metrics(document):
                cloudwatch._put_metric_data(None, {"Namespace": namespace, "MetricData": data}, is_cbor=False, is_json=True)
        except (ValueError, KeyError, TypeError):
            log.warning("not the embedded metric format: %s", line[:200])


def metrics(document: JSON) -> list[tuple[str, list[JSON]]]:
    """(namespace, metric data) pairs of one document, one datum per metric and dimension set."""
    found = []
    for directive in document["_aws"]["CloudWatchMetrics"]:
        data = [
            {
                "MetricName": metric["Name"],
                "Unit": metric.get("Unit", "None"),
                "Dimensions": _dimensions(document, names),
                **_values(document[metric["Name"]]),
            }
            for names in directive.get("Dimensions") or [[]]
            for metric in directive["Metrics"]
            if metric["Name"] in document
        ]
        found.append((directive["Namespace"], data))
    return found


def _dimensions(document: JSON, names: list[str]) -> list[JSON]:
    return [{"Name": name, "Value": str(document[name])} for name in names]


def _values(value: Any) -> JSON:
    if not isinstance(value, list):
        return {"Value": float(value)}
    return {"Value": float(value[0])} if len(value) == 1 else {"Values": [float(number) for number in value]}
