"""Who is behind a request: the bearer of one of our tokens, or of a JWT from the issuer that we trust; or nobody."""

from dataclasses import dataclass

from access.ports import Keys, PepperSource, Signatures, TokenReader
from contracts import identity, tokens
from kit.caller import Caller
from kit.clock import Clock


@dataclass(frozen=True)
class Verdict:
    """The caller, or None and why (for our logs; whoever asks only learns that it was refused)."""

    caller: Caller | None
    reason: str


class AuthorizeRequest:
    """Answers a verdict; raises (`Transient`) when it cannot be reached, so that trouble never lets anybody in.

    `rules` None: no OIDC issuer is configured, and every JWT is refused.
    """

    def __init__(
        self,
        table: TokenReader,
        peppers: PepperSource,
        keys: Keys,
        signatures: Signatures,
        rules: identity.OidcRules | None,
        clock: Clock,
    ) -> None:
        self._table, self._peppers, self._keys, self._signatures = table, peppers, keys, signatures
        self._rules, self._clock = rules, clock

    def __call__(self, authorization: str | None) -> Verdict:
        """Judge the `Authorization` header."""
        credential = identity.bearer(authorization)
        if credential is None:
            return Verdict(None, "credential-missing")
        if credential.startswith(tokens.TOKEN_MARK):
            return self._bearer_of_token(credential)
        if self._rules is None or not identity.looks_like_jwt(credential):
            return Verdict(None, "credential-unknown")
        try:
            return Verdict(self._bearer_of_jwt(credential, self._rules), "oidc")
        except identity.TokenRefused as refusal:
            return Verdict(None, refusal.code)

    def _bearer_of_token(self, credential: str) -> Verdict:
        parsed = tokens.parse(credential)
        if parsed is None:
            return Verdict(None, "token-malformed")
        token = self._table.find(parsed.token_id)
        if token is None:
            # The same work as for a known id, so that time does not tell which ids exist.
            self._peppers.peppers().matches(credential, "", "")
            return Verdict(None, "token-unknown")
        if not self._peppers.peppers(token.pepper_id).matches(credential, token.digest, token.pepper_id):
            return Verdict(None, "token-forged")
        refusal = token.refusal(self._clock.now())
        if refusal is not None:
            return Verdict(None, refusal)
        return Verdict(Caller(token.principal, "token", token.groups, token.scopes, token.token_id, token.models), "token")

    def _bearer_of_jwt(self, credential: str, rules: identity.OidcRules) -> Caller:
        header = self._signatures.header(credential)
        key = self._keys.find(identity.key_id(header))
        if key is None:
            raise identity.TokenRefused("key-unknown")
        if not identity.key_fits(header, key):
            raise identity.TokenRefused("key-unfit")
        claims = self._signatures.claims(credential, header, key)
        known = identity.check_claims(claims, rules, self._clock.now().timestamp())
        return Caller(known.subject, "oidc", known.groups, known.scopes)
