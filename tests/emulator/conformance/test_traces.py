"""AWS: with active tracing Lambda writes a segment for each invocation, and a daemon takes what the function writes below it."""

import json
from typing import Any

from tests.emulator.conformance.cloud import Cloud, eventually

SENDS = """
import json, os, socket
def handler(event, context):
    trace = dict(part.split("=") for part in os.environ["_X_AMZN_TRACE_ID"].split(";"))
    host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
    document = {"name": "below", "trace_id": trace["Root"], "parent_id": trace["Parent"], "type": "subsegment"}
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.sendto(b'{"format":"json","version":1}\\nno document', (host, int(port)))
    wire.sendto(b'{"format":"json","version":1}\\n' + json.dumps(document).encode(), (host, int(port)))
    return trace["Root"]
"""


def kept(cloud: Cloud, trace_id: str) -> dict[str, Any]:
    """The documents of one trace by name."""
    documents = [json.loads(line) for line in cloud.settings.traces.read_text().splitlines()]
    return {document["name"]: document for document in documents if document["trace_id"] == trace_id}


def test_a_traced_function_has_a_segment_and_its_own_below(cloud: Cloud) -> None:
    """Both are of one trace, the function's own names Lambda's as its parent, and a datagram that is no document is left out."""
    function = cloud.function(SENDS)
    cloud.client("lambda").update_function_configuration(FunctionName=function, TracingConfig={"Mode": "Active"})
    trace_id = cloud.invoke(function)["body"]
    found = eventually(lambda: kept(cloud, trace_id), lambda documents: len(documents) == 2)
    segment = found[function.rsplit(":", 1)[-1]]
    assert (segment["origin"], segment["resource_arn"]) == ("AWS::Lambda::Function", function)
    assert found["below"]["parent_id"] == segment["id"]
