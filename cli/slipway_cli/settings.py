"""Where the platform is and who we are there. An address and its token always come from one place, so that no token is sent elsewhere."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from slipway_cli.errors import UsageError

NO_PLATFORM_HINT = (
    "Set MANAGEMENT_URL and ADMIN_TOKEN (`make up` writes both to .local/env: try --env-file .local/env), or name a profile with --profile."
)
_PROFILE_KEYS = frozenset(
    {"env_file", "management_url", "token_file", "token_env", "openai_base_url", "openai_api_key_file", "openai_api_key_env", "allow_http"}
)


@dataclass(frozen=True)
class Settings:
    """One platform. `source` says where this was found, for people. The secrets are kept out of every representation."""

    source: str
    management_url: str = ""
    openai_base_url: str = ""
    token: str = field(default="", repr=False)
    openai_api_key: str = field(default="", repr=False)
    allow_http: bool = False

    def address(self, which: str) -> str:
        """The address `management_url` or `openai_base_url`, without the last slash. Raises UsageError: none, or none for tokens."""
        url = str(getattr(self, which)).rstrip("/")
        if not url:
            raise UsageError(f"{self.source} names no {which}", NO_PLATFORM_HINT)
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise UsageError(f"{which} from {self.source} is no address: it must be https://host[:port]/path")
        if parts.scheme == "http" and not (self.allow_http or is_loopback(parts.hostname)):
            raise UsageError(
                f"{which} from {self.source} is http:// on another machine, where anybody on the way could read the token",
                "Use https://, or set SLIPWAY_ALLOW_HTTP=1 (in a profile: allow_http = true) within a network that you trust.",
            )
        return url


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def config_path(environ: Mapping[str, str]) -> Path:
    """The configuration file, whether it exists or not."""
    if given := environ.get("SLIPWAY_CONFIG"):
        return Path(given).expanduser()
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(base) / "slipway" / "config.toml"


def load(environ: Mapping[str, str], *, profile: str | None = None, env_file: Path | None = None) -> Settings:
    """The first of: --env-file, --profile, SLIPWAY_ENV_FILE, SLIPWAY_PROFILE, the environment, the default profile. Raises UsageError."""
    if env_file and profile:
        raise UsageError("--env-file and --profile each name a platform: give one of them")
    if env_file is None and not profile:
        env_file = Path(environ["SLIPWAY_ENV_FILE"]) if environ.get("SLIPWAY_ENV_FILE") else None
        profile = environ.get("SLIPWAY_PROFILE")
    if env_file is not None:
        return _from_values(read_env_file(env_file), str(env_file), allow_http=_truth(environ))
    if not profile and _first(environ, "SLIPWAY_MANAGEMENT_URL", "MANAGEMENT_URL"):
        return _from_values(environ, "the environment", allow_http=_truth(environ))
    path = config_path(environ)
    document = _config(path, needed=bool(profile))
    profile = profile or _default(document)
    if not profile:
        return _from_values(environ, "the environment", allow_http=_truth(environ))
    return _from_profile(profile, document, path, environ)


def profiles(environ: Mapping[str, str]) -> tuple[list[str], str | None]:
    """The names of all profiles, and the default one's."""
    document = _config(config_path(environ), needed=False)
    found = document.get("profiles")
    return sorted(found) if isinstance(found, dict) else [], _default(document)


def read_env_file(path: Path) -> dict[str, str]:
    """`KEY=value` lines, as a shell would read them with `set -a`; quotes around a value are taken off. Raises UsageError."""
    values: dict[str, str] = {}
    for line in _text(path, "the file of settings").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            values[name.strip()] = value[1:-1] if quoted else value
    return values


def _from_values(values: Mapping[str, str], source: str, *, allow_http: bool) -> Settings:
    token = _first(values, "SLIPWAY_TOKEN", "ADMIN_TOKEN")
    if not token and values.get("SLIPWAY_TOKEN_FILE"):
        token = _secret(Path(values["SLIPWAY_TOKEN_FILE"]))
    return Settings(
        source=source,
        management_url=_first(values, "SLIPWAY_MANAGEMENT_URL", "MANAGEMENT_URL"),
        token=token,
        openai_base_url=_first(values, "OPENAI_BASE_URL"),
        openai_api_key=_first(values, "OPENAI_API_KEY"),
        allow_http=allow_http,
    )


def _from_profile(name: str, document: Mapping[str, object], path: Path, environ: Mapping[str, str]) -> Settings:
    known = document.get("profiles")
    values = known.get(name) if isinstance(known, dict) else None
    if not isinstance(values, dict):
        names = ", ".join(sorted(known)) if isinstance(known, dict) and known else "none"
        raise UsageError(f"{path} has no profile {name!r}", f"Profiles there: {names}.")
    if unknown := sorted(set(values) - _PROFILE_KEYS):
        raise UsageError(f"profile {name!r} in {path} has an unknown key: {unknown[0]}", f"Known: {', '.join(sorted(_PROFILE_KEYS))}.")
    source = f"profile {name}"
    allow_http = bool(values.get("allow_http")) or _truth(environ)
    base = (
        _from_values(read_env_file(path.parent / Path(values["env_file"]).expanduser()), source, allow_http=allow_http)
        if "env_file" in values
        else Settings(source)
    )
    return Settings(
        source=source,
        management_url=str(values.get("management_url") or base.management_url),
        openai_base_url=str(values.get("openai_base_url") or base.openai_base_url),
        token=_referred(values, "token", path, environ) or base.token,
        openai_api_key=_referred(values, "openai_api_key", path, environ) or base.openai_api_key,
        allow_http=allow_http,
    )


def _referred(values: Mapping[str, object], name: str, path: Path, environ: Mapping[str, str]) -> str:
    """A secret that a profile refers to by file or by environment variable."""
    if variable := values.get(f"{name}_env"):
        return environ.get(str(variable), "")
    if file := values.get(f"{name}_file"):
        return _secret(path.parent / Path(str(file)).expanduser())
    return ""


def _config(path: Path, *, needed: bool) -> dict[str, object]:
    if not path.is_file() and not needed:
        return {}
    try:
        return tomllib.loads(_text(path, "the configuration file"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error


def _default(document: Mapping[str, object]) -> str | None:
    name = document.get("default_profile")
    return name if isinstance(name, str) else None


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {what} {path}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from error


def _secret(path: Path) -> str:
    return _text(path, "the secret in").strip()


def _first(values: Mapping[str, str], *names: str) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _truth(environ: Mapping[str, str]) -> bool:
    return environ.get("SLIPWAY_ALLOW_HTTP", "").lower() in {"1", "true", "yes"}
