"""What a caller is told of limits: headers as OpenAI sends them, and refusals with the time after which asking again may help."""

import math
from collections.abc import Iterable
from typing import Final

from router.errors import ApiError
from router.limits.purse import BOUNDLESS, Purse

Headers = list[tuple[bytes, bytes]]
_PERIODS: Final = {"day": "daily", "month": "monthly"}
_MINUTE: Final = 60


def headers(purses: Iterable[Purse], now: float) -> Headers:
    """`x-ratelimit-…` of the requests and tokens a minute that come to their end first; nothing where none are limited.

    What remains is what this router has, what nobody had leased when it looked last, and as much of the other routers' standing shares as
    it has of its own.
    """
    requests = tokens = BOUNDLESS
    of_requests = of_tokens = None
    for purse in purses:
        most_requests, most_tokens, _ = purse.limit
        others = purse.routers - 1
        if most_requests is not None:
            left = purse.free_r + purse.beyond[0] + others * max(0, purse.standing[0] - purse.allow_r + purse.free_r)
            if left < requests:
                requests, of_requests = left, purse
        if most_tokens is not None:
            left = purse.free_t + purse.beyond[1] + others * max(0, purse.standing[1] - purse.allow_t + purse.free_t)
            if left < tokens:
                tokens, of_tokens = left, purse
    made: Headers = []
    if of_requests is not None:
        made.append((b"x-ratelimit-limit-requests", b"%d" % (of_requests.limit[0] or 0)))
        made.append((b"x-ratelimit-remaining-requests", b"%d" % max(0, requests)))
        made.append((b"x-ratelimit-reset-requests", _reset(of_requests, now)))
    if of_tokens is not None:
        made.append((b"x-ratelimit-limit-tokens", b"%d" % (of_tokens.limit[1] or 0)))
        made.append((b"x-ratelimit-remaining-tokens", b"%d" % max(0, tokens)))
        made.append((b"x-ratelimit-reset-tokens", _reset(of_tokens, now)))
    return made


def _reset(purse: Purse, now: float) -> bytes:
    return b"%ds" % max(1, math.ceil(purse.window.ends - now))


def refusal(purse: Purse, tokens: int, usd: int, now: float, *, sure: bool = True) -> ApiError:
    """429 for a request of this size that the purse has no room for. Not `sure`: other routers may hold what is left, or it could not be
    leased in time, and asking again soon may help."""
    whose = f"this {purse.kind}" if purse.kind == "token" else f"the {purse.kind} `{purse.subject_id}`"
    if purse.places:
        message = f"At most {purse.limit[0]} requests of {whose} are answered at a time; try again when one has ended."
        return ApiError(429, "rate_limit_exceeded", message, retry_after=1)
    seconds = max(1, math.ceil(purse.window.ends - now))
    if purse.window.period != "minute" and not sure:
        message = f"What is left of the {_PERIODS[purse.window.period]} budget of {whose} is held elsewhere just now; try again shortly."
        return ApiError(429, "rate_limit_exceeded", message, retry_after=1)
    if purse.window.period == "minute":
        by_requests = purse.limit[0] is not None and purse.free_r < 1
        limit = f"{purse.limit[0]} requests" if by_requests else f"{purse.limit[1]} tokens"
        asks = "" if by_requests else f", and this request may use about {tokens}"
        message = f"The limit of {limit} a minute of {whose} is reached{asks}; try again in {seconds} s."
        return ApiError(429, "rate_limit_exceeded", message, retry_after=min(seconds, _MINUTE) if sure else 1)
    in_money = purse.limit[2] is not None and purse.free_u < usd
    size = f"about {usd / 1_000_000:.6f} US dollars" if in_money else f"about {tokens} tokens"
    message = f"What is left of the {_PERIODS[purse.window.period]} budget of {whose} is less than this request may use, {size}."
    return ApiError(429, "insufficient_quota", message, retry_after=seconds)


def too_many_tokens(most: int) -> ApiError:
    """400: one request may not ask for so much."""
    return ApiError(400, "max_tokens_too_large", f"At most {most} tokens may be asked for with one request.", param="max_tokens")


def too_many_choices(most: int) -> ApiError:
    """400: one request may not ask for so many answers."""
    return ApiError(400, "n_too_large", f"At most {most} answers may be asked for with one request.", param="n")


def not_priced(model: str) -> ApiError:
    """403: what a model costs is not known, and the caller's budget is in money."""
    message = f"`{model}` has no price by tokens, and your budget is in money; an administrator sets `prices` with its limits."
    return ApiError(403, "model_not_priced", message, param="model")
