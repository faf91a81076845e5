"""AWS clients, made lazily, with time-outs that fit in a Lambda's own, that take no broken answer for an empty one."""

import json
from functools import cache
from typing import Any

_REDIRECT = 300


@cache
def client(service: str, *, region: str | None = None, attempts: int = 3, connect_timeout: float = 2, read_timeout: float = 10) -> Any:
    """A shared client for `service`, in the function's own region unless another is named.

    `attempts` counts the first try; the machine or the queue behind us retries beyond that.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": attempts, "mode": "standard"}, connect_timeout=connect_timeout, read_timeout=read_timeout
    )
    make: Any = boto3.client  # the stubs know each service by its literal name; this is one factory for all
    made = make(service, region_name=region, config=config)
    made.meta.events.register("before-parse", whole)
    return made


def whole(response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
    """Refuse a success whose text breaks off, by botocore's ConnectionClosedError, as if the connection had broken sooner.

    botocore takes JSON that it cannot read for a document without fields: no row, no task, no event refused. Listens to `before-parse`.
    """
    protocol = operation_model.service_model.metadata["protocol"]
    if response_dict["status_code"] >= _REDIRECT or protocol not in {"json", "rest-json"} or operation_model.has_streaming_output:
        return
    body, output = response_dict["body"], operation_model.output_shape
    try:
        if body or (output and output.members):
            json.loads(body)
    except ValueError as error:
        from botocore.exceptions import ConnectionClosedError

        raise ConnectionClosedError(endpoint_url=operation_model.service_model.endpoint_prefix, error=error) from error
