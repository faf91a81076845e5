"""What the management API takes and answers: common. Generated from its OpenAPI document by `make contracts`: do not edit."""

from typing import NotRequired, TypedDict


class Failure(TypedDict):
    """Why something failed: a stable code, a sentence, and what a person can do about it."""

    code: str
    message: str
    hint: NotRequired[str]
