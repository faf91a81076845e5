"""What the management API takes and answers: shares. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import TypedDict


class RouteVersion(TypedDict):
    """One version's share of a route's traffic."""

    version: str
    weight: int
