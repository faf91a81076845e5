"""Requests from pages of other origins: off unless an origin is listed, and then for that one, to the letter."""

import asyncio
from typing import Any

import pytest

from router.cors import Cors
from router.exchange import Exchange

APP = "https://app.example"


def _exchange(origin: str | None, method: str = "POST") -> tuple[Exchange, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        told.append(dict(message))

    async def receive() -> Any:
        raise AssertionError

    headers = [] if origin is None else [(b"origin", origin.encode())]
    return Exchange({"method": method, "path": "/v1/chat/completions", "headers": headers}, receive, send), told


def _names(exchange: Exchange) -> dict[bytes, bytes]:
    return {name: value for name, value in exchange.extra_headers if name != b"x-request-id"}


@pytest.mark.parametrize("origin", [None, APP])
def test_without_a_list_nothing_is_said(origin: str | None) -> None:
    """Not even that answers differ by origin."""
    exchange, _ = _exchange(origin)
    assert not Cors(frozenset()).admit(exchange)
    assert _names(exchange) == {}


def test_a_listed_origin_is_named_and_nothing_else() -> None:
    """No wildcard, and never credentials: a browser sends no cookie, and the token is the page's own to send."""
    exchange, _ = _exchange(APP)
    assert Cors(frozenset({APP, "http://localhost:3000"})).admit(exchange)
    names = _names(exchange)
    assert (names[b"access-control-allow-origin"], names[b"vary"]) == (APP.encode(), b"Origin")
    assert b"access-control-allow-credentials" not in names


@pytest.mark.parametrize(
    "origin",
    [None, "null", "*", "", f"{APP}.evil.example", "http://app.example", f"{APP}:8443", APP.upper(), f"{APP}, https://evil.example"],
)
def test_another_origin_is_not_named(origin: str | None) -> None:
    """Caches are told that it counts."""
    exchange, _ = _exchange(origin)
    assert not Cors(frozenset({APP})).admit(exchange)
    assert _names(exchange) == {b"vary": b"Origin"}


def test_a_preflight_lets_clients_send_what_they_send() -> None:
    """OpenAI's and Anthropic's clients add headers of their own; the credential has to be named beside the wildcard."""
    exchange, told = _exchange(APP, "OPTIONS")
    cors = Cors(frozenset({APP}))
    assert cors.admit(exchange)
    asyncio.run(cors.preflight(exchange))
    headers = dict(told[0]["headers"])
    assert told[0]["status"] == 204
    assert headers[b"access-control-allow-headers"] == b"authorization, *"
    assert b"POST" in headers[b"access-control-allow-methods"]
    assert headers[b"access-control-allow-origin"] == APP.encode()
