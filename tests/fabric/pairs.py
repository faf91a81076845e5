"""The same calls to a fake of ours and to moto: whatever both answer has to be alike."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.fabric.aws.boundary import REGION, Boundary, Service

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}


@dataclass
class Pair:
    """One client of each. `ours` and `theirs` have boto3's methods."""

    ours: Any
    theirs: Any

    def both(self, operation: str, pick: Callable[[Any], Any] = lambda answer: None, **parameters: Any) -> Any:
        """Call both; what `pick` takes from the answers, or the error's code, must be equal, and is answered."""
        mine, other = _tried(self.ours, operation, parameters, pick), _tried(self.theirs, operation, parameters, pick)
        assert mine == other, f"{operation}({parameters}): ours answers {mine}, moto {other}"
        return mine


def _tried(client: Any, operation: str, parameters: Mapping[str, Any], pick: Callable[[Any], Any]) -> Any:
    try:
        return pick(getattr(client, operation)(**parameters))
    except ClientError as error:
        reasons = [reason["Code"] for reason in error.response.get("CancellationReasons", ())]
        return (error.response["Error"]["Code"], *reasons)


@contextmanager
def pair(service: str, fake: Service) -> Iterator[Pair]:
    """A fake behind the boundary, and moto behind boto3."""
    with patch.dict("os.environ", _CREDENTIALS), mock_aws():
        ours = Boundary({service: fake}, lambda _, proceed: proceed()).client(service)
        make: Any = boto3.client  # the stubs know each service by its literal name
        yield Pair(ours, make(service, region_name=REGION))
