"""The issuer's keys, over HTTPS."""

from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from router.oidc import KeysUnavailable
from router.settings import OidcSettings
from router.statuses import OK

_JWKS_BYTES: Final = 1_000_000


class OidcKeys:
    """Fetches the issuer's key set from its one pinned address."""

    def __init__(self, oidc: OidcSettings | None) -> None:
        self._address = oidc.jwks_uri if oidc else ""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=5.0), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self) -> dict[str, Any]:
        """The key set; KeysUnavailable otherwise."""
        if self._session is None:
            raise KeysUnavailable
        try:
            async with self._session.get(self._address, allow_redirects=False) as response:
                if response.status != OK or (response.content_length or 0) > _JWKS_BYTES:
                    raise KeysUnavailable
                document = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise KeysUnavailable from error
        if not isinstance(document, dict):
            raise KeysUnavailable
        return document
