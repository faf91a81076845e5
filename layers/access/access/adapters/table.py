"""The token table in DynamoDB: one partition that routers follow by its head's revision."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from access.adapters.reader import DynamoTokenReader, token_in
from access.domain.token import Token
from access.ports import Issued
from contracts.access import HEAD_KEY, TOKEN_PREFIX, TOKENS_PARTITION, TokenIssued, TokenRevoked, TokenRow
from contracts.common import EventContract
from kit.caller import Command
from kit.commands import CommandLog
from kit.envelope import Cause, Fact, Wrapper
from kit.ledger import advance, record
from kit.table import Row, Table, Transaction

_KEPT_AFTER_EXPIRY = timedelta(days=30)


class DynamoTokenTable(DynamoTokenReader):
    """Every change moves the head on by one and writes its fact into the ledger, in one transaction."""

    def __init__(self, table: Table, commands: CommandLog, wrapper: Wrapper) -> None:
        super().__init__(table)
        self._commands, self._wrapper = commands, wrapper

    def page(self, owner: str | None, after: str | None, limit: int) -> tuple[list[Token], str | None]:
        """One page by id; an owner's through the index, which is eventually consistent."""
        rows = list(self._rows(owner, after, limit + 1))
        found = [token_in(row.document) for row in rows[:limit]]
        return found, found[-1].token_id if len(rows) > limit else None

    def issued_for(self, command: Command) -> Issued | None:
        """What this command was answered before."""
        answer = self._commands.answer(command)
        return None if answer is None else Issued(token_in(answer["token"]), answer["salt"])

    def revoked_for(self, command: Command) -> Token | None:
        """What this command was answered before."""
        answer = self._commands.answer(command)
        return None if answer is None else token_in(answer["token"])

    def issue(self, issued: Issued, command: Command, cause: Cause) -> None:
        """One transaction: head, token, command with the salt, ledger, outbox."""
        token = issued.token
        document = _document(token)
        transaction = Transaction()
        revision = self._move_head(transaction)
        transaction.insert("token", TOKENS_PARTITION, TOKEN_PREFIX + token.token_id, document, **_attributes(token, revision))
        self._commands.remember(transaction, command, {"token": document, "salt": issued.salt})
        told = TokenIssued(
            token_id=token.token_id,
            name=token.name,
            principal=token.principal,
            groups=list(token.groups),
            scopes=list(token.scopes),
            expires_at=token.expires_at,
        )
        record(transaction, TOKENS_PARTITION, revision, self._wrapper.wrap(_fact(told), cause), None, _public(document))
        self._table.commit(transaction)

    def revoke(self, before: Token, after: Token, command: Command, cause: Cause) -> None:
        """One transaction: head, token, command, ledger, outbox."""
        document = _document(after)
        transaction = Transaction()
        revision = self._move_head(transaction)
        transaction.replace(
            "token",
            TOKENS_PARTITION,
            TOKEN_PREFIX + after.token_id,
            document,
            when={"generation": before.generation},
            **_attributes(after, revision),
        )
        self._commands.remember(transaction, command, {"token": document})
        told = TokenRevoked(token_id=after.token_id, name=after.name, principal=after.principal)
        envelope = self._wrapper.wrap(_fact(told), cause)
        record(transaction, TOKENS_PARTITION, revision, envelope, _public(_document(before)), _public(document))
        self._table.commit(transaction)

    def _move_head(self, transaction: Transaction) -> int:
        head = self._table.get(TOKENS_PARTITION, HEAD_KEY)
        revision = 1 if head is None else int(head.attributes["revision"]) + 1
        advance(transaction, TOKENS_PARTITION, HEAD_KEY, revision - 1, revision)
        return revision

    def _rows(self, owner: str | None, after: str | None, limit: int) -> list[Row]:
        if owner is None:
            behind = None if after is None else TOKEN_PREFIX + after
            return list(self._table.query(TOKENS_PARTITION, prefix=TOKEN_PREFIX, after=behind, limit=limit))
        collection = _collection(owner)
        start = None
        if after is not None:
            start = {"pk": TOKENS_PARTITION, "sk": TOKEN_PREFIX + after, "collection": collection, "sort_key": after}
        return list(self._table.query_collection(collection, after=start, limit=limit))


def _document(token: Token) -> dict[str, Any]:
    lists = {"groups": list(token.groups), "scopes": list(token.scopes), "models": None if token.models is None else list(token.models)}
    return TokenRow.validate_document({**vars(token), **lists}).document()


def _public(document: Mapping[str, Any]) -> dict[str, Any]:
    """For the ledger: it holds no digest, so that a copy of it says nothing of any token."""
    return {name: value for name, value in document.items() if name not in {"digest", "pepper_id"}}


def _attributes(token: Token, revision: int) -> dict[str, Any]:
    """What conditions, the index and the table's own clean-up need."""
    expires = None
    if token.expires_at is not None:
        expires = int((datetime.fromisoformat(token.expires_at) + _KEPT_AFTER_EXPIRY).timestamp())
    return {
        "generation": token.generation,
        "revision": revision,
        "collection": _collection(token.created_by),
        "sort_key": token.token_id,
        "expires_at": expires,
    }


def _collection(owner: str) -> str:
    return f"OWNER#{owner}"


def _fact(event: EventContract) -> Fact:
    return Fact(event.event_type(), event.document(), event.contract_version)
