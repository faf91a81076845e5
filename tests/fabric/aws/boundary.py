"""Where code meets AWS: fake boto3 clients whose every method becomes one call of one function, `Boundary.call`.

Whatever can go wrong with a call goes wrong there: see `tests.fabric.faults`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

from tests.fabric.aws.errors import NotFaked

REGION, ACCOUNT, PARTITION = "eu-west-1", "123456789012", "aws"
Parameters = Mapping[str, Any]
Proceed = Callable[[], Any]


class Service(Protocol):
    """One fake."""

    def call(self, operation: str, given: Parameters) -> dict[str, Any]:
        """One API call by AWS's own operation name; a botocore error where AWS would refuse."""
        ...


@dataclass(frozen=True)
class Call:
    """One call: `dynamodb`, `TransactWriteItems`, and what was sent."""

    service: str
    operation: str
    parameters: Parameters

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}"


class Boundary:
    """All services. `around` stands around every call and may refuse it, repeat it, or lose its answer."""

    def __init__(self, services: Mapping[str, Service], around: Callable[[Call, Proceed], Any]) -> None:
        self._services, self._around = services, around

    def call(self, service: str, operation: str, parameters: Parameters) -> Any:
        """One call, as boto3's client would make it."""
        found = self._services[service]
        return self._around(Call(service, operation, parameters), lambda: found.call(operation, parameters))

    def client(self, service: str, *_: Any, region_name: str | None = None, **__: Any) -> "Client":
        """What stands in for `boto3.client`."""
        if service not in self._services:
            message = f"there is no fake of {service}: add one to tests/fabric/aws"
            raise NotFaked(message)
        return Client(self, service, region_name or REGION)


class Client:
    """A boto3 client's methods, by name."""

    def __init__(self, boundary: Boundary, service: str, region: str) -> None:
        self._boundary, self._service = boundary, service
        listeners = SimpleNamespace(register=lambda *_: None)  # no text is parsed here, which they would look at
        self.meta = SimpleNamespace(region_name=region, partition=PARTITION, events=listeners)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.title() for word in name.split("_"))
        boundary, service = self._boundary, self._service

        def method(**parameters: Any) -> Any:
            return boundary.call(service, operation, parameters)

        self.__dict__[name] = method
        return method

    def get_paginator(self, name: str) -> "Paginator":
        """Pages of one operation."""
        return Paginator(getattr(self, name))


class Paginator:
    """As many pages as there are: the fakes answer lists in one."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    def paginate(self, **parameters: Any) -> Iterator[Any]:
        """The one page."""
        yield self._method(**parameters)
