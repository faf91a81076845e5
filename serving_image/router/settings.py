"""What the router reads from its environment, checked once at start."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


class SettingsInvalid(Exception):
    """The environment lacks a value or holds one that cannot be used; the message names the variable, never its content."""


@dataclass(frozen=True)
class OidcSettings:
    """Where bearer tokens of people come from. `jwks_uri` is the pinned address of the issuer's keys."""

    issuer: str
    audience: str
    jwks_uri: str
    groups_claim: str = "cognito:groups"
    admin_group: str = "slipway-admins"


@dataclass(frozen=True)
class Settings:
    """Everything the router can be told. Times in seconds, sizes in bytes."""

    environment: str
    route_table: str
    token_table: str
    bus_name: str
    pepper_secret_arn: str
    engine_api_key: str = field(repr=False)
    oidc: OidcSettings | None = None
    api_base_allow_list: frozenset[str] = frozenset()
    state_dir: Path = Path("/var/lib/slipway")
    listen_host: str = "0.0.0.0"  # noqa: S104 - a container's own network; the laptop sets 127.0.0.1
    listen_port: int = 4000
    router_id: str = "router"
    drain_seconds: float = 60.0
    max_body_bytes: int = 10_000_000
    max_form_bytes: int = 26_214_400
    max_json_depth: int = 64
    body_seconds: float = 30.0
    silence_seconds: float = 600.0
    cooldown_seconds: float = 5.0
    follow_seconds: float = 1.0
    follow_routes_seconds: float = 0.7
    max_routes: int = 5_000
    max_tokens_held: int = 1_000_000
    follow_busy_seconds: float = 0.2
    probe_seconds: float = 0.25
    report_seconds: float = 10.0
    load_seconds: float = 2.0
    wake_seconds: float = 30.0
    max_wait_seconds: int = 900
    max_silent_wait_seconds: int = 540
    max_held: int = 500
    max_held_per_model: int = 100
    max_held_bytes: int = 64_000_000
    spend_table: str = ""
    routers: int = 2
    settle_seconds: float = 5.0
    lease_seconds: float = 300.0
    budget_slices: int = 50
    strict_budgets: bool = False
    limit_wait_seconds: float = 0.5
    room_wait_seconds: float = 1.0
    max_room_waiting: int = 100
    estimated_output_tokens: int = 512
    cors_origins: frozenset[str] = frozenset()
    model_table: str = ""
    max_live: int = 200
    live_heartbeat_seconds: float = 15.0
    usage_queue_url: str = ""
    usage_seconds: float = 30.0
    usage_spool_bytes: int = 256_000_000
    trace_endpoint: str = ""
    xray_daemon: str = ""
    trace_share: float = 0.05

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the process environment (or the mapping given); SettingsInvalid names what is wrong."""
        source = _Source(os.environ if environment is None else environment)
        return cls(
            environment=source.text("ENVIRONMENT"),
            route_table=source.text("ROUTE_TABLE"),
            token_table=source.text("TOKEN_TABLE"),
            bus_name=source.text("BUS_NAME"),
            pepper_secret_arn=source.text("PEPPER_SECRET_ARN"),
            engine_api_key=source.text("ENGINE_API_KEY"),
            oidc=_oidc(source),
            api_base_allow_list=frozenset(host.lower() for host in source.words("API_BASE_ALLOW_LIST")),
            state_dir=Path(source.text("SLIPWAY_STATE_DIR", str(cls.state_dir))),
            listen_host=source.text("SLIPWAY_LISTEN_HOST", cls.listen_host),
            listen_port=int(source.number("SLIPWAY_LISTEN_PORT", cls.listen_port, 0, 65_535)),
            router_id=source.text("SLIPWAY_ROUTER_ID", socket.gethostname()[:64]),
            drain_seconds=source.number("SLIPWAY_DRAIN_SECONDS", cls.drain_seconds, 0, 3600),
            max_body_bytes=int(source.number("SLIPWAY_MAX_BODY_BYTES", cls.max_body_bytes, 1024, 1_000_000_000)),
            max_form_bytes=int(source.number("SLIPWAY_MAX_FORM_BYTES", cls.max_form_bytes, 1024, 33_000_000)),
            max_json_depth=int(source.number("SLIPWAY_MAX_JSON_DEPTH", cls.max_json_depth, 4, 500)),
            body_seconds=source.number("SLIPWAY_BODY_SECONDS", cls.body_seconds, 1, 3600),
            silence_seconds=source.number("SLIPWAY_SILENCE_SECONDS", cls.silence_seconds, 0.1, 86_400),
            cooldown_seconds=source.number("SLIPWAY_COOLDOWN_SECONDS", cls.cooldown_seconds, 0.1, 3600),
            follow_seconds=source.number("SLIPWAY_FOLLOW_SECONDS", cls.follow_seconds, 0.05, 60),
            follow_routes_seconds=source.number("SLIPWAY_FOLLOW_ROUTES_SECONDS", cls.follow_routes_seconds, 0.05, 60),
            max_routes=int(source.number("SLIPWAY_MAX_ROUTES", cls.max_routes, 1, 1_000_000)),
            max_tokens_held=int(source.number("SLIPWAY_MAX_TOKENS_HELD", cls.max_tokens_held, 1, 100_000_000)),
            follow_busy_seconds=source.number("SLIPWAY_FOLLOW_BUSY_SECONDS", cls.follow_busy_seconds, 0.02, 60),
            probe_seconds=source.number("SLIPWAY_PROBE_SECONDS", cls.probe_seconds, 0.02, 60),
            report_seconds=source.number("SLIPWAY_REPORT_SECONDS", cls.report_seconds, 0.1, 600),
            load_seconds=source.number("SLIPWAY_LOAD_SECONDS", cls.load_seconds, 0.05, 60),
            wake_seconds=source.number("SLIPWAY_WAKE_SECONDS", cls.wake_seconds, 0.1, 600),
            max_wait_seconds=int(source.number("SLIPWAY_MAX_WAIT_SECONDS", cls.max_wait_seconds, 0, 86_400)),
            max_silent_wait_seconds=int(source.number("SLIPWAY_MAX_SILENT_WAIT_SECONDS", cls.max_silent_wait_seconds, 0, 86_400)),
            max_held=int(source.number("SLIPWAY_MAX_HELD", cls.max_held, 0, 1_000_000)),
            max_held_per_model=int(source.number("SLIPWAY_MAX_HELD_PER_MODEL", cls.max_held_per_model, 0, 1_000_000)),
            max_held_bytes=int(source.number("SLIPWAY_MAX_HELD_BYTES", cls.max_held_bytes, 0, 10_000_000_000)),
            spend_table=source.text("SPEND_TABLE", cls.spend_table),
            routers=max(1, int(source.number("SLIPWAY_ROUTERS", cls.routers, 0, 10_000))),
            settle_seconds=source.number("SLIPWAY_SETTLE_SECONDS", cls.settle_seconds, 0.05, 60),
            lease_seconds=source.number("SLIPWAY_LEASE_SECONDS", cls.lease_seconds, 30, 86_400),
            budget_slices=int(source.number("SLIPWAY_BUDGET_SLICES", cls.budget_slices, 1, 10_000)),
            strict_budgets=source.text("SLIPWAY_STRICT_BUDGETS", "false").lower() == "true",
            limit_wait_seconds=source.number("SLIPWAY_LIMIT_WAIT_SECONDS", cls.limit_wait_seconds, 0.05, 10),
            room_wait_seconds=source.number("SLIPWAY_ROOM_WAIT_SECONDS", cls.room_wait_seconds, 0.0, 60),
            max_room_waiting=int(source.number("SLIPWAY_MAX_ROOM_WAITING", cls.max_room_waiting, 0, 100_000)),
            estimated_output_tokens=int(source.number("SLIPWAY_ESTIMATED_OUTPUT_TOKENS", cls.estimated_output_tokens, 1, 10_000_000)),
            cors_origins=frozenset(source.words("SLIPWAY_CORS_ORIGINS")),
            model_table=source.text("MODEL_TABLE", cls.model_table),
            max_live=int(source.number("SLIPWAY_MAX_LIVE", cls.max_live, 0, 10_000)),
            usage_queue_url=source.text("USAGE_QUEUE_URL", cls.usage_queue_url),
            usage_seconds=source.number("SLIPWAY_USAGE_SECONDS", cls.usage_seconds, 0.05, 3600),
            usage_spool_bytes=int(source.number("SLIPWAY_USAGE_SPOOL_BYTES", cls.usage_spool_bytes, 0, 100_000_000_000)),
            trace_endpoint=_trace_endpoint(source),
            xray_daemon=_xray_daemon(source),
            trace_share=source.number("SLIPWAY_TRACE_SHARE", cls.trace_share, 0, 1),
            live_heartbeat_seconds=source.number("SLIPWAY_LIVE_HEARTBEAT_SECONDS", cls.live_heartbeat_seconds, 0.05, 300),
        )


class _Source:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "").strip() or default
        if value is None:
            raise SettingsInvalid(f"{name} is not set")
        return value

    def words(self, name: str) -> list[str]:
        return [word.strip() for word in self._values.get(name, "").split(",") if word.strip()]

    def number(self, name: str, default: float, low: float, high: float) -> float:
        raw = self._values.get(name, "").strip()
        try:
            value = float(raw) if raw else float(default)
        except ValueError:
            raise SettingsInvalid(f"{name} is not a number") from None
        if not low <= value <= high:
            raise SettingsInvalid(f"{name} must be between {low} and {high}")
        return value


def _trace_endpoint(source: _Source) -> str:
    """Where OTLP goes, by OpenTelemetry's own variables: the one for traces, or the one for all signals and the usual path."""
    for name, path in (("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces")):
        endpoint = source.text(name, "")
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise SettingsInvalid(f"{name} is no address")
        if endpoint:
            return endpoint.rstrip("/") + path if path else endpoint
    return ""


def _xray_daemon(source: _Source) -> str:
    """Host and port of the daemon's UDP, by the X-Ray SDKs' variable, which may name TCP beside it."""
    for word in source.text("AWS_XRAY_DAEMON_ADDRESS", "").split():
        if not word.startswith("tcp:"):
            host, _, port = word.removeprefix("udp:").rpartition(":")
            if not host or not port.isdigit():
                raise SettingsInvalid("AWS_XRAY_DAEMON_ADDRESS is not host:port")
            return f"{host}:{port}"
    return ""


def _oidc(source: _Source) -> OidcSettings | None:
    issuer = source.text("OIDC_ISSUER", "")
    if not issuer:
        return None
    return OidcSettings(
        issuer=issuer,
        audience=source.text("OIDC_AUDIENCE"),
        jwks_uri=source.text("OIDC_JWKS_URI", issuer.rstrip("/") + "/.well-known/jwks.json"),
        groups_claim=source.text("OIDC_GROUPS_CLAIM", OidcSettings.groups_claim),
        admin_group=source.text("ADMIN_GROUP", OidcSettings.admin_group),
    )
