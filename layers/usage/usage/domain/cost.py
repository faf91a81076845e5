"""What usage cost, in millionths of a US dollar.

A third party's model costs its list price of that day. An engine of ours costs the time that its copies ran: the copies of a version on a
day are shared by that day's callers, a token of output counting as four of input (it is generated alone, where prompts are read at once),
one from the cache nothing. Where nobody asked, nobody's row has the cost: it was spent all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from usage.domain.hosts import SECONDS_AN_HOUR, Ran
from usage.domain.rollup import Used

OUTPUT_WEIGHT = 4
_MILLION = 1_000_000


@dataclass(frozen=True)
class TokenPrice:
    """Of a third party's model: micro-USD for a million tokens, seconds or characters, or for a million images."""

    input: int = 0
    output: int = 0
    cached: int = 0
    second: int = 0
    image: int = 0
    character: int = 0


class Prices(Protocol):
    """Prices by day."""

    def of(self, day: str, priced_as: str) -> TokenPrice | None:
        """What a third party's model cost that day; None = not known."""
        ...


@dataclass(frozen=True)
class Cost:
    """A row and what it cost in micro-USD; None = no price is known."""

    used: Used
    micro_usd: int | None


def listed(used: Used, price: TokenPrice) -> int:
    """At list prices. What came from the cache is charged as such, the rest of the input as input."""
    fresh = used.input_tokens - used.cached_tokens
    cost = fresh * price.input + used.cached_tokens * price.cached + used.output_tokens * price.output
    cost += used.images * price.image + used.characters * price.character
    return (cost + used.audio_ms * price.second // 1000) // _MILLION


def reckon(rows: Iterable[Used], hosts: Mapping[tuple[str, str, str], Ran], prices: Prices) -> list[Cost]:
    """Every row with its cost, and one of nobody's for engines that ran on a day on which nobody asked them."""
    costs: list[Cost] = []
    hosted: dict[tuple[str, str, str], list[Used]] = defaultdict(list)
    for used in rows:
        if used.priced_as:
            price = prices.of(used.day, used.priced_as)
            costs.append(Cost(used, None if price is None else listed(used, price)))
        else:
            hosted[used.day, used.model_id, used.version].append(used)
    for place, users in hosted.items():
        costs += _shared(users, hosts.get(place))
    for place in hosts.keys() - hosted.keys():
        day, model_id, version = place
        costs.append(Cost(Used(day, "", "", model_id, version), _spent(hosts[place])))
    return costs


def _spent(host: Ran) -> int | None:
    return None if host.unpriced_seconds and not host.priced else host.priced // SECONDS_AN_HOUR


def _shared(users: list[Used], host: Ran | None) -> list[Cost]:
    """The whole is shared to the last millionth: each gets the difference of what all before and with it have."""
    spent = None if host is None else _spent(host)
    if spent is None:
        return [Cost(used, None) for used in users]
    weights = [used.input_tokens - used.cached_tokens + OUTPUT_WEIGHT * used.output_tokens for used in users]
    if not sum(weights):
        weights = [used.requests for used in users]
    whole, before, costs = sum(weights) or 1, 0, []
    for used, weight in zip(users, weights, strict=True):
        costs.append(Cost(used, spent * (before + weight) // whole - spent * before // whole))
        before += weight
    return costs
