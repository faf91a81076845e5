"""AWS: a function that fails behind an HTTP API answers 500 and `{"message":"Internal Server Error"}`; nothing of the error gets out."""

from tests.emulator.conformance.cloud import Cloud
from tests.emulator.conformance.test_http_api import api, call

__all__ = ["api"]


def test_an_unhandled_error_says_nothing(cloud: Cloud, api: str) -> None:
    """Neither the message nor the stack trace reaches the caller."""
    assert call(f"{api}/boom", method="POST") == (500, '{"message":"Internal Server Error"}')
