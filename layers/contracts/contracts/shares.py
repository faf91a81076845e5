"""Shares of a model's traffic: whole parts of 10,000, one for each version."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from contracts.common import Contract, Semver

WHOLE: Final = 10_000
"""All of a route's traffic."""
MOST_VERSIONS: Final = 8


class RouteVersion(Contract):
    """One version's share of a route's traffic. A weight of 0 is reached by pins alone."""

    version: Semver = Field(examples=["1.1.0"])
    weight: int = Field(ge=0, le=WHOLE, examples=[500], description="parts of 10,000")


def _whole(versions: list[RouteVersion]) -> list[RouteVersion]:
    if versions and sum(share.weight for share in versions) != WHOLE:
        message = f"the versions' weights must add up to {WHOLE}"
        raise ValueError(message)
    if len({share.version for share in versions}) != len(versions):
        message = "every version has one share"
        raise ValueError(message)
    return versions


Shares = Annotated[list[RouteVersion], Field(max_length=MOST_VERSIONS), AfterValidator(_whole)]
"""One share for each version, the one that gives first; together the whole, or none at all."""
