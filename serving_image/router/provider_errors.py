"""What went wrong at a third party, in our codes; LiteLLM's and the libraries' own errors end here."""

from collections.abc import Iterator
from typing import Any, Final

from contracts.common import Failure
from router.errors import ApiError
from router.statuses import NOT_FOUND, TOO_MANY_REQUESTS

_HINTS: Final = {
    "provider-authentication-failed": "Put a valid key in the provider's secret, or grant the router's role access.",
    "provider-model-not-found": "Check provider.model and provider.region: the provider does not know this model.",
    "provider-unreachable": "Check provider.api_base and the router's network path to it.",
    "provider-address-refused": "Use a public address, or have the host put on this environment's API_BASE_ALLOW_LIST.",
    "provider-secret-unavailable": "Check that provider.secret exists and that the router's role may read it.",
    "provider-secret-refused": "Store the provider's key in a secret of its own, and name that one.",
    "provider-secret-malformed": "Store the key as the secret's text, or as JSON with `api_key`.",
    "provider-rate-limited": "Raise the quota at the provider, or wait.",
    "provider-refused-request": "Check that the model does the task; the message is the provider's.",
}
_MESSAGE_LIMIT: Final = 500


class ProviderFailure(ApiError):
    """A third party's failure: what the caller is told, and (by `failure`) what the model's owner is told.

    `final` = asking again will not help until somebody changes something.
    """

    def __init__(self, status: int, code: str, message: str, *, final: bool = False, api_code: str | None = None) -> None:
        super().__init__(status, api_code or code.replace("-", "_"), message)
        self.failure = Failure(code=code, message=message, hint=_HINTS.get(code, "Try again; if it persists, ask the provider."))
        self.final = final


def translate(error: BaseException, key: str | None) -> ApiError:
    """The failure that an exception out of LiteLLM stands for. Errors of ours pass through; messages never hold the key."""
    if isinstance(error, ApiError):
        return error
    import openai

    chain = list(_chain(error))
    if any(type(each).__name__ == "AddressRefused" or "not public" in str(each) for each in chain):
        return ProviderFailure(502, "provider-address-refused", "The provider's address may not be connected to.", final=True)
    if isinstance(error, openai.APITimeoutError):
        return ProviderFailure(504, "provider-timeout", "The provider did not answer in time.")
    if any(isinstance(each, openai.APIConnectionError) or type(each).__name__ in {"ConnectError", "ConnectTimeout"} for each in chain):
        return ProviderFailure(502, "provider-unreachable", "The provider cannot be reached.")
    return _by_status(getattr(error, "status_code", None), error, key)


def _by_status(status: Any, error: BaseException, key: str | None) -> ProviderFailure:
    kind = type(error).__name__
    said = _said(error, key)
    if status in {401, 403}:
        return ProviderFailure(502, "provider-authentication-failed", "The provider refused our key.", final=True)
    if status == NOT_FOUND:
        return ProviderFailure(502, "provider-model-not-found", "The provider does not know the model.", final=True)
    if status == TOO_MANY_REQUESTS:
        return ProviderFailure(429, "provider-rate-limited", "The provider's rate limit or quota is reached.")
    if kind == "ContextWindowExceededError":
        return ProviderFailure(400, "provider-refused-request", said, final=True, api_code="context_length_exceeded")
    if kind == "ContentPolicyViolationError":
        return ProviderFailure(400, "provider-refused-request", said, final=True, api_code="content_policy_violation")
    if status in {400, 413, 422}:
        return ProviderFailure(400, "provider-refused-request", said, final=True)
    return ProviderFailure(502, "provider-error", "The provider failed to answer.")


def _said(error: BaseException, key: str | None) -> str:
    text = str(getattr(error, "message", "") or error)
    return (text.replace(key, "***") if key else text)[:_MESSAGE_LIMIT]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
