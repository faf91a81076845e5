"""What the router says to the control plane and to operators, and what it reads from its environment."""

import asyncio
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest

from contracts.routing import LoadObserved, RouteHealthObserved
from router.aws import BusUnavailable
from router.bus import Reporter
from router.errors import ApiError, model_not_found
from router.idents import iso
from router.log import Log
from router.metrics import Metrics
from router.provider_errors import ProviderFailure, translate
from router.settings import Settings, SettingsInvalid

MINIMUM = {
    "ENVIRONMENT": "local",
    "ROUTE_TABLE": "r",
    "TOKEN_TABLE": "t",
    "BUS_NAME": "b",
    "PEPPER_SECRET_ARN": "arn",
    "ENGINE_API_KEY": "key-canary",
}


class _Bus:
    """A bus that refuses as often as it is told."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.taken = refusals, []  # type: int, list[Any]

    def put(self, entries: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Take events."""
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailable("refused")
        self.taken += entries


def _observed(target_id: str, observed: str) -> RouteHealthObserved:
    return RouteHealthObserved.model_validate(
        {"model_id": "tiny", "generation": 1, "target_id": target_id, "observed": observed, "router_id": "r", "observed_at": iso()}
    )


def test_reports_wait_for_the_bus_and_only_the_newest_is_sent() -> None:
    """While the bus refuses, nothing is lost but what has been overtaken."""
    bus = _Bus(refusals=2)

    async def work() -> None:
        reporter = Reporter(bus, ThreadPoolExecutor(1), environment="local", router_id="r", metrics=Metrics(), log=Log(io.BytesIO()))
        reporter.report(_observed("a", "progressing"))
        reporter.report(_observed("b", "failed"))
        reporter.report(_observed("a", "ready"))
        for _ in range(3):
            await reporter._send()

    asyncio.run(work())
    assert [(kind, detail["data"]["target_id"], detail["data"]["observed"]) for _, kind, detail in bus.taken] == [
        ("RouteHealthObserved", "a", "ready"),
        ("RouteHealthObserved", "b", "failed"),
    ]
    metadata = bus.taken[0][2]["metadata"]
    assert len(metadata["id"]) == 26
    assert metadata["environment"] == "local"


class _PickyBus(_Bus):
    """A bus that takes one kind at a time, as permissions are judged, and one kind not at all."""

    def put(self, entries: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Take events of one kind."""
        kinds = {kind for _, kind, _ in entries}
        assert len(kinds) == 1
        if kinds == {"RouteHealthObserved"}:
            raise BusUnavailable("AccessDeniedException")
        self.taken += entries


def test_what_the_bus_refuses_keeps_nothing_else_from_it() -> None:
    """Each call carries one kind of event, and one that is refused goes to the end of the line."""
    bus = _PickyBus(refusals=0)
    load = {
        "model_id": "tiny",
        "router_id": "r",
        "observed_at": iso(),
        "window_seconds": 2,
        "in_flight": 1,
        "requests": 1,
        "ready_targets": 1,
    }

    async def work() -> None:
        reporter = Reporter(bus, ThreadPoolExecutor(1), environment="local", router_id="r", metrics=Metrics(), log=Log(io.BytesIO()))
        reporter.report(_observed("a", "ready"))
        reporter.report(LoadObserved.model_validate(load))
        assert not await reporter._send()
        assert await reporter._send()

    asyncio.run(work())
    assert [kind for _, kind, _ in bus.taken] == ["LoadObserved"]


def test_errors_have_openais_shape() -> None:
    """Message, type, param, code; the event form can follow a torn event."""
    error = model_not_found("x" * 1000)
    assert orjson.loads(error.body())["error"] | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    assert len(error.body()) < 400
    assert error.sse().startswith(b"\n\ndata: {")
    assert ApiError(503, "x", "x").retry_after
    assert ApiError(400, "x", "x").retry_after is None


@pytest.mark.parametrize(
    ("status", "code", "final"),
    [
        (401, "provider-authentication-failed", True),
        (403, "provider-authentication-failed", True),
        (404, "provider-model-not-found", True),
        (429, "provider-rate-limited", False),
        (400, "provider-refused-request", True),
        (500, "provider-error", False),
    ],
)
def test_third_parties_errors_have_our_codes(status: int, code: str, final: bool) -> None:
    """Whatever library it comes from, the status decides, and the key never shows."""

    class Theirs(Exception):
        status_code = status

    failure = translate(Theirs("Incorrect key sk-canary"), "sk-canary")
    assert isinstance(failure, ProviderFailure)
    assert (failure.failure.code, failure.final) == (code, final)
    assert "canary" not in failure.message


def test_settings_are_checked_and_keep_their_secret() -> None:
    """Values are bounded, errors name the variable, and printing settings shows no key."""
    settings = Settings.from_environment({**MINIMUM, "API_BASE_ALLOW_LIST": "A.example, b:8080 ", "SLIPWAY_DRAIN_SECONDS": "5"})
    assert settings.api_base_allow_list == {"a.example", "b:8080"}
    assert (settings.drain_seconds, settings.listen_port, settings.oidc) == (5.0, 4000, None)
    assert "canary" not in repr(settings)
    for broken in ({"SLIPWAY_LISTEN_PORT": "99999"}, {"SLIPWAY_DRAIN_SECONDS": "soon"}, {"OIDC_ISSUER": "https://x"}, {"ROUTE_TABLE": ""}):
        with pytest.raises(SettingsInvalid):
            Settings.from_environment(MINIMUM | broken)
