"""A new token is issued, within what its issuer holds."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from access.domain.token import Token, Wish, beyond, objections, principal_of
from access.ports import Issued, PepperSource, TokenTable
from access.usecases._shown import shown
from contracts import tokens
from contracts.access import IssueToken as Asked
from kit.caller import Caller, Command
from kit.clock import Clock, iso
from kit.envelope import Cause
from kit.errors import Conflict, Forbidden, InvalidRequest, Violation
from kit.patience import Patience


class IssueToken:
    """Answers the token's row with the token itself, which is shown here and nowhere else.

    The secret part is derived from the pepper and a random salt. The salt is kept with the command for as long as the Idempotency-Key
    lives, so that a repeated request can be answered alike without the token being stored: neither the table nor the pepper alone gives
    anything away.
    """

    def __init__(
        self,
        table: TokenTable,
        peppers: PepperSource,
        clock: Clock,
        patience: Patience,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self._table, self._peppers, self._clock, self._patience, self._random_bits = table, peppers, clock, patience, random_bits

    def __call__(self, asked: Asked, caller: Caller, command: Command, request_id: str) -> dict[str, Any]:
        """Issue the token; `Forbidden`, `InvalidRequest`, or `Conflict` for a key that was used otherwise."""
        caller.require("tokens:write")
        wish = _wish(asked)
        _refuse_excess(wish, caller)

        def attempt() -> Issued:
            before = self._table.issued_for(command)
            if before is not None:
                return before
            issued = self._new(asked.name, wish, caller)
            self._table.issue(issued, command, Cause(caller.subject, request_id))
            return issued

        return self._answer(self._patience.persist(attempt))

    def _new(self, name: str, wish: Wish, caller: Caller) -> Issued:
        now = self._clock.now()
        peppers = self._peppers.peppers()
        token_id, salt = tokens.token_id_of(self._random_bits(80)), f"{self._random_bits(256):064x}"
        text = tokens.mint(token_id, tokens.derive_secret(peppers.newest, salt))
        days = wish.expires_in_days
        token = Token(
            token_id=token_id,
            name=name,
            principal=principal_of(token_id),
            groups=wish.groups,
            scopes=wish.scopes,
            models=wish.models,
            expires_at=None if days is None else iso(now + timedelta(days=days)),
            created_by=caller.subject,
            created_at=iso(now),
            digest=tokens.digest(peppers.newest, text),
            pepper_id=peppers.current,
        )
        return Issued(token, salt)

    def _answer(self, issued: Issued) -> dict[str, Any]:
        token = issued.token
        pepper = self._peppers.peppers(token.pepper_id).by_id.get(token.pepper_id)
        if pepper is None:
            raise Conflict(
                "token-not-shown-again",
                "this token was issued under a pepper that is gone since, and cannot be shown again",
                "Revoke it and issue another with a new Idempotency-Key.",
            )
        return {**shown(token).document(), "token": tokens.mint(token.token_id, tokens.derive_secret(pepper, issued.salt))}


def _wish(asked: Asked) -> Wish:
    models = None if asked.models is None else tuple(sorted(set(asked.models)))
    return Wish(tuple(sorted(set(asked.groups))), tuple(sorted(set(asked.scopes))), models, asked.expires_in_days)


def _refuse_excess(wish: Wish, caller: Caller) -> None:
    found = objections(wish, is_admin=caller.is_admin)
    if found:
        violations = [Violation(objection.path, objection.code, objection.message) for objection in found]
        raise InvalidRequest("validation-failed", f"{len(found)} field(s) are not acceptable", violations=violations)
    if caller.is_admin:
        return
    if scopes := beyond(wish.scopes, caller.scopes):
        raise Forbidden("scope-missing", f"you do not hold {', '.join(scopes)} yourself", "Ask for scopes that you hold.")
    if groups := beyond(wish.groups, caller.groups):
        raise Forbidden("group-not-yours", f"you are not in {', '.join(groups)}", "Ask for groups that you are in.")
