"""What a request says about where it wants to go: a pin, a cohort, a conversation. Read from what was parsed already."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import orjson

from router.choosing.seats import CONTROL, NOWHERE
from router.errors import ApiError, bad_request
from router.identity import Caller
from router.routes import EVERYONE, Prepared
from router.surface import forms

CANARY: Final = "canary"
"""A pin to whichever version is the candidate."""

_VERSION_HEADER: Final = b"x-slipway-version"
_CANARY_HEADER: Final = b"x-slipway-canary"
_SESSION_HEADER: Final = b"x-slipway-session"
_COHORT_FIELDS: Final = ("user", "safety_identifier", "prompt_cache_key")
_LEADING: Final = frozenset({"system", "developer"})
_MOST: Final = 1024
_LONGEST_KEY: Final = 512
_SEPARATOR: Final = "\x1f"


class Asked:
    """One request's wishes. `pin`: a version, `CANARY`, or None. The rest is worked out when somebody wants to know.

    `way`: where the choice sent a request of a conversation (`seats.WAYS`).
    """

    __slots__ = ("_document", "_headers", "_subject", "pin", "way")

    def __init__(self, headers: Mapping[bytes, bytes], document: Mapping[str, Any], caller: Caller | None = None) -> None:
        self._headers, self._document = headers, document
        self._subject = caller.subject if caller is not None and caller.token_id is None else ""
        self.pin = pin_of(headers, document)
        self.way = NOWHERE

    def cohort(self) -> str | None:
        """Who shall stay with one version: the session, the application's own user, or the person who calls; None for no such thing.

        A token is no cohort: everybody behind an application would move at once, and shares would be all or nothing.
        """
        session = self._session()
        if session is not None:
            return session
        for name in _COHORT_FIELDS:
            value = self._document.get(name)
            if isinstance(value, str) and value:
                return value[:_LONGEST_KEY]
        return self._subject or None

    def affinity(self, control_of: int = 0) -> int | None:
        """Which conversation it is: requests of one find the same engine's warm cache. A number of 64 bits, or None.

        One in `control_of` of those that nobody named is said to be none, so that it is known what the others gain.
        """
        key = self._document.get("prompt_cache_key")
        named = key[:_LONGEST_KEY] if isinstance(key, str) and key else self._session()
        words = named if named is not None else opening(self._document)
        if not words:
            return None
        number = int.from_bytes(blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        if control_of and named is None and number % control_of == 0:
            self.way = CONTROL
            return None
        return number

    def _session(self) -> str | None:
        session = self._headers.get(_SESSION_HEADER)
        return session[:_LONGEST_KEY].decode("latin-1") if session else None


def pin_of(headers: Mapping[bytes, bytes], document: Mapping[str, Any]) -> str | None:
    """`X-Slipway-Version: 1.2.0`, or the candidate by `X-Slipway-Canary: true`, `"canary": true` or `metadata.canary`; ApiError 400."""
    version = headers.get(_VERSION_HEADER)
    if version is not None:
        return version.decode("latin-1").strip()[:64] or None
    said: Any = headers.get(_CANARY_HEADER)
    if said is not None:
        said = said.decode("latin-1")
    elif CANARY in document:
        said = document[CANARY]
    else:
        metadata = document.get("metadata")
        if not isinstance(metadata, dict) or CANARY not in metadata:
            return None
        said = metadata[CANARY]
    if isinstance(said, str):
        said = {"true": True, "false": False}.get(said.strip().lower())
    if said is None or not isinstance(said, bool):
        raise bad_request("invalid_canary", "`canary` must be true or false.", CANARY)
    return CANARY if said else None


def check_pin(asked: Asked, prepared: Prepared, caller: Caller) -> None:
    """ApiError 403 if the request is pinned to a version and the caller may not choose one of this model's."""
    if asked.pin is None or caller.admin:
        return
    groups = prepared.route.pin_groups
    if EVERYONE not in groups and caller.groups.isdisjoint(groups):
        message = f"Only the groups in the model's `pin_groups` may choose a version of `{prepared.route.model_id}`."
        raise ApiError(403, "version_pin_not_allowed", message, param="version")


def without_pin(document: dict[str, Any], body: bytes, *, form: bool) -> tuple[dict[str, Any], bytes]:
    """The request without our own field, which engines and third parties do not know."""
    document = {name: value for name, value in document.items() if name != CANARY}
    return document, forms.without(body, CANARY) if form else orjson.dumps(document)


def unserved(prepared: Prepared, pin: str) -> ApiError:
    """404: no ready target has the version that the request is pinned to."""
    named = "no candidate version" if pin == CANARY else f"no version `{pin}`"
    message = f"`{prepared.route.model_id}` has {named} that answers now."
    return ApiError(404, "version_not_served", message, param="version")


def none_answers() -> ApiError:
    """503: the model is served, and none of its targets takes the request."""
    return ApiError(503, "model_not_ready", "No target of the model answers; try again shortly.", param="model")


def opening(document: Mapping[str, Any]) -> str:
    """How a conversation begins: its system's words and the first message behind them, which every later turn repeats; bounded."""
    messages = document.get("messages")
    if not isinstance(messages, list):
        given = document.get("prompt", document.get("input"))
        return given[:_MOST] if isinstance(given, str) else ""
    words = _text(document.get("system"))
    for message in messages[:3]:
        if not isinstance(message, dict):
            break
        words = f"{words}{_SEPARATOR}{_text(message.get('content'))}"
        if message.get("role") not in _LEADING:
            break
    return words


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content[:_MOST]
    if isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str):
                return text[:_MOST]
    return ""


NOTHING: Final = Asked({}, {})
"""No wishes at all."""
