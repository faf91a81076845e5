"""The pepper secret in Secrets Manager, kept in the process for a few minutes."""

from datetime import datetime, timedelta
from typing import Any

from contracts.tokens import Peppers
from kit.clock import Clock
from kit.errors import Broken, Transient

_FRESH = timedelta(minutes=5)
_AGAIN = timedelta(seconds=10)


class SecretPeppers:
    """Reads the secret's current version when it is first needed, and again when it is five minutes old."""

    def __init__(self, client: Any, secret_arn: str, clock: Clock) -> None:
        self._client, self._arn, self._clock = client, secret_arn, clock
        self._peppers: Peppers | None = None
        self._read_at: datetime | None = None

    def peppers(self, needed: str | None = None) -> Peppers:
        """All generations. One that is `needed` and not among them may be newer than what is kept: then the secret is read again."""
        if self._peppers is None or self._age() > _FRESH:
            return self._read()
        if needed is not None and needed not in self._peppers.by_id and self._age() > _AGAIN:
            return self._read()
        return self._peppers

    def _age(self) -> timedelta:
        return timedelta.max if self._read_at is None else self._clock.now() - self._read_at

    def _read(self) -> Peppers:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            text = self._client.get_secret_value(SecretId=self._arn)["SecretString"]
        except (BotoCoreError, ClientError) as error:
            raise Transient("pepper-unreachable", f"the pepper secret cannot be read: {type(error).__name__}") from error
        try:
            self._peppers = Peppers.parse(text)
        except ValueError as error:
            raise Broken("pepper-malformed", str(error), "Restore an earlier version of the secret.") from None
        self._read_at = self._clock.now()
        return self._peppers
