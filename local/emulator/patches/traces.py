"""Traces of functions are kept: each invocation's own segment, which Lambda writes, and what its handler sends to the X-Ray daemon.

Stock: a traced function gets a trace id, and there is neither a segment nor a daemon. Where the daemon listens reaches functions by the
emulator's environment (AWS_XRAY_DAEMON_ADDRESS).
"""

import logging
import os
import time
from pathlib import Path
from typing import Any

from ministack.services import lambda_svc

from local.emulator.pin import expect, replace
from local.emulator.traces import TraceFile

JSON = dict[str, Any]
log = logging.getLogger("slipway.traces")


def apply() -> None:
    """Listen, and write a segment whenever an invocation is given its trace id. Does nothing without SLIPWAY_TRACES, the file to write."""
    expect(lambda_svc._xray_trace_id_for_invocation, 'return f"Root=1-{epoch_hex}-{root_random};Parent={parent};Sampled=1"')
    expect(lambda_svc._execute_function_warm, "trace_id=_xray_trace_id_for_invocation(config)")
    if not os.environ.get("SLIPWAY_TRACES"):
        return
    traces = TraceFile(Path(os.environ["SLIPWAY_TRACES"]))
    host, _, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].rpartition(":")
    try:
        traces.listen(host, int(port))
    except OSError as error:
        log.warning("traces are not kept, as nothing can listen on %s: %s", os.environ["AWS_XRAY_DAEMON_ADDRESS"], error)
        return

    def trace_id(config: JSON, inbound: str | None = None) -> str | None:
        header: str | None = stock(config, inbound)
        if header:
            traces.write(segment(config, header))
        return header

    stock = replace(lambda_svc, "_xray_trace_id_for_invocation", trace_id)


def segment(config: JSON, header: str) -> JSON:
    """The segment that Lambda writes when it hands an invocation to a function: what the handler writes names it as its parent."""
    parts = dict(part.partition("=")[::2] for part in header.split(";"))
    return {
        "name": config.get("FunctionName", ""),
        "id": parts.get("Parent", ""),
        "trace_id": parts.get("Root", ""),
        "start_time": time.time(),
        "in_progress": True,
        "origin": "AWS::Lambda::Function",
        "resource_arn": config.get("FunctionArn", ""),
    }
