"""The issuer's public keys: fetched when needed, kept for a while, and never more often than a stranger's tokens should make us."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

Key = Mapping[str, Any]

FRESH = timedelta(minutes=15)
"""How long a key set is taken as it is: a key that the issuer withdrew is refused after that."""
USABLE = timedelta(hours=1)
"""How long an old set still serves while the issuer cannot be reached."""
AGAIN = timedelta(minutes=1)
"""Between two fetches, whatever key ids the tokens name."""
AGAIN_WITHOUT_KEYS = timedelta(seconds=5)
"""Between two fetches while there is no set at all."""


class KeyRing:
    """Keys (JWKs) by id. `fetch` gets the whole set from the pinned address, or raises; its error is passed on if no set is usable."""

    def __init__(self, fetch: Callable[[], Sequence[Key]], now: Callable[[], datetime]) -> None:
        self._fetch, self._now = fetch, now
        self._keys: dict[str, Key] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._problem: Exception | None = None

    def find(self, kid: str) -> Key | None:
        """The key with this id; None if the issuer has none. Raises what `fetch` raised while no usable set is known."""
        age = self._age()
        if age is None or age > FRESH or kid not in self._keys:
            self._refresh()
            age = self._age()
        if age is None or age > USABLE:
            raise self._problem or LookupError(kid)
        return self._keys.get(kid)

    def _age(self) -> timedelta | None:
        return None if self._fetched_at is None else self._now() - self._fetched_at

    def _refresh(self) -> None:
        pause = AGAIN_WITHOUT_KEYS if self._fetched_at is None else AGAIN
        if self._tried_at is not None and self._now() - self._tried_at < pause:
            return
        self._tried_at = self._now()
        try:
            keys = self._fetch()
        except Exception as error:  # noqa: BLE001 - whatever it was: an old set may still serve; if not, `find` raises it
            self._problem = error
            return
        self._keys = {str(key["kid"]): key for key in keys if "kid" in key}
        self._fetched_at = self._now()
        self._problem = None
