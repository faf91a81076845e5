"""What the management API takes and answers: traffic. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import Literal, TypedDict

from slipway_cli.api_types.shares import RouteVersion

TrafficSharedBy = Literal["shares", "targets"]


class SetTraffic(TypedDict):
    """Body of `PUT /models/{model_id}/traffic`."""

    versions: list["RouteVersion"]


class Traffic(TypedDict):
    """How a model's traffic is shared now."""

    model_id: str
    generation: int
    state: str
    shared_by: TrafficSharedBy
    versions: list["VersionTraffic"]
    pin_groups: list[str]
    links: dict[str, str]


class VersionTraffic(TypedDict):
    """One version's share, and how many targets it has to answer it with."""

    version: str
    weight: int
    ready: int
    probing: int
    draining: int
