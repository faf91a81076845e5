"""AWS clients, made lazily, with time-outs that fit in a Lambda's own."""

from functools import cache
from typing import Any


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
    return make(service, region_name=region, config=config)
