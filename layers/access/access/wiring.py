"""Puts access together: settings, adapters, use cases. Each public function makes one use case, once per process.

Imports stand inside the functions: the authorizer is in every request's way and shall not load what only the others need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from kit.aws import client
from kit.clock import SystemClock
from kit.settings import Settings
from kit.table import Table

if TYPE_CHECKING:
    from access.adapters.limits import DynamoLimitTable
    from access.adapters.secrets import SecretPeppers
    from access.adapters.table import DynamoTokenTable
    from access.usecases.announce_spend_changes import AnnounceSpendChanges
    from access.usecases.announce_token_changes import AnnounceTokenChanges
    from access.usecases.authorize_request import AuthorizeRequest
    from access.usecases.issue_token import IssueToken
    from access.usecases.list_limits import ListLimits
    from access.usecases.list_tokens import ListTokens
    from access.usecases.read_api_document import ReadApiDocument
    from access.usecases.read_limits import ReadLimits
    from access.usecases.read_token import ReadToken
    from access.usecases.remove_limits import RemoveLimits
    from access.usecases.revoke_token import RevokeToken
    from access.usecases.set_limits import SetLimits
    from access.usecases.sweep_tokens import SweepTokens
    from kit.commands import CommandLog
    from kit.envelope import Wrapper
    from kit.ledger import Announcer

CONTEXT = "access"
_CLOCK = SystemClock()


@dataclass(frozen=True)
class TokenSettings(Settings):
    """Of the functions that read and write tokens."""

    environment: str
    token_table: str


@dataclass(frozen=True)
class PepperSettings(Settings):
    """Of the functions that recognise or make tokens."""

    pepper_secret_arn: str


@dataclass(frozen=True)
class OidcSettings(Settings):
    """Of the authorizer; an empty issuer, audience or key set address means that no JWT is accepted."""

    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_uri: str = ""
    oidc_groups_claim: str = "cognito:groups"
    admin_group: str = "slipway-admins"


@dataclass(frozen=True)
class AnnounceSettings(Settings):
    """Of the functions that tell the bus."""

    token_table: str
    bus_name: str


@dataclass(frozen=True)
class SpendSettings(Settings):
    """Of the functions that show what is spent."""

    spend_table: str


@dataclass(frozen=True)
class SpendAnnounceSettings(Settings):
    """Of the functions that tell the bus what routers have found spent."""

    spend_table: str
    bus_name: str


@cache
def authorize_request() -> AuthorizeRequest:
    """The HTTP API's authorizer."""
    from access.adapters.oidc import KeySetAddress, NoKeys, PyJwtSignatures
    from access.adapters.reader import DynamoTokenReader
    from access.domain.keys import KeyRing
    from access.usecases.authorize_request import AuthorizeRequest
    from contracts.identity import OidcRules

    tokens, oidc = TokenSettings.from_env(), OidcSettings.from_env()
    reader = DynamoTokenReader(Table(client("dynamodb"), tokens.token_table))
    if not (oidc.oidc_issuer and oidc.oidc_audience and oidc.oidc_jwks_uri):
        return AuthorizeRequest(reader, _peppers(), NoKeys(), PyJwtSignatures(), None, _CLOCK)
    rules = OidcRules(oidc.oidc_issuer, oidc.oidc_audience, oidc.oidc_groups_claim, oidc.admin_group)
    keys = KeyRing(KeySetAddress(oidc.oidc_jwks_uri), _CLOCK.now)
    return AuthorizeRequest(reader, _peppers(), keys, PyJwtSignatures(), rules, _CLOCK)


@cache
def issue_token() -> IssueToken:
    """`POST /tokens`."""
    from access.usecases.issue_token import IssueToken
    from kit.patience import Patience

    return IssueToken(_table(), _peppers(), _CLOCK, Patience())


@cache
def list_tokens() -> ListTokens:
    """`GET /tokens`."""
    from access.usecases.list_tokens import ListTokens

    return ListTokens(_table())


@cache
def read_token() -> ReadToken:
    """`GET /tokens/{token_id}`."""
    from access.usecases.read_token import ReadToken

    return ReadToken(_table())


@cache
def revoke_token() -> RevokeToken:
    """`DELETE /tokens/{token_id}`."""
    from access.usecases.revoke_token import RevokeToken
    from kit.patience import Patience

    return RevokeToken(_table(), _CLOCK, Patience())


@cache
def set_limits() -> SetLimits:
    """`PUT /limits/{subject_kind}/{subject_id}`."""
    from access.usecases.set_limits import SetLimits
    from kit.patience import Patience

    return SetLimits(_limits(), _table(), _CLOCK, Patience())


@cache
def remove_limits() -> RemoveLimits:
    """`DELETE /limits/{subject_kind}/{subject_id}`."""
    from access.usecases.remove_limits import RemoveLimits
    from kit.patience import Patience

    return RemoveLimits(_limits(), Patience())


@cache
def read_limits() -> ReadLimits:
    """`GET /limits/{subject_kind}/{subject_id}`."""
    from access.adapters.limits import DynamoSpendReader
    from access.usecases.read_limits import ReadLimits

    spending = DynamoSpendReader(Table(client("dynamodb"), SpendSettings.from_env().spend_table))
    return ReadLimits(_limits(), spending, _CLOCK)


@cache
def list_limits() -> ListLimits:
    """`GET /limits`."""
    from access.usecases.list_limits import ListLimits

    return ListLimits(_limits())


@cache
def read_api_document() -> ReadApiDocument:
    """`GET /openapi.json`."""
    from access.usecases.read_api_document import ReadApiDocument

    return ReadApiDocument()


@cache
def announce_token_changes() -> AnnounceTokenChanges:
    """Follows the table's stream."""
    from access.usecases.announce_token_changes import AnnounceTokenChanges

    return AnnounceTokenChanges(_announcer())


@cache
def announce_spend_changes() -> AnnounceSpendChanges:
    """Follows the spend table's stream."""
    from access.usecases.announce_spend_changes import AnnounceSpendChanges

    return AnnounceSpendChanges(_spend_announcer())


@cache
def sweep_tokens() -> SweepTokens:
    """Runs on a schedule."""
    from access.usecases.sweep_tokens import SweepTokens

    return SweepTokens(_announcer(), _spend_announcer())


def _table() -> DynamoTokenTable:
    from access.adapters.table import DynamoTokenTable

    return DynamoTokenTable(*_rooms())


def _limits() -> DynamoLimitTable:
    from access.adapters.limits import DynamoLimitTable

    return DynamoLimitTable(*_rooms())


def _rooms() -> tuple[Table, CommandLog, Wrapper]:
    from kit.commands import CommandLog
    from kit.envelope import Wrapper
    from kit.ids import Ids

    settings = TokenSettings.from_env()
    table = Table(client("dynamodb"), settings.token_table)
    return table, CommandLog(table, _CLOCK), Wrapper(CONTEXT, settings.environment, _CLOCK, Ids(_CLOCK))


def _peppers() -> SecretPeppers:
    from access.adapters.secrets import SecretPeppers

    return SecretPeppers(client("secretsmanager"), PepperSettings.from_env().pepper_secret_arn, _CLOCK)


def _announcer() -> Announcer:
    from kit.bus import Bus
    from kit.ledger import Announcer

    settings = AnnounceSettings.from_env()
    return Announcer(Table(client("dynamodb"), settings.token_table), Bus(client("events"), settings.bus_name), _CLOCK)


def _spend_announcer() -> Announcer:
    from kit.bus import Bus
    from kit.ledger import Announcer

    settings = SpendAnnounceSettings.from_env()
    return Announcer(Table(client("dynamodb"), settings.spend_table), Bus(client("events"), settings.bus_name), _CLOCK)
