"""What was used and what it cost, in groups: `GET /usage`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, get_args

from contracts.usage import MOST_DAYS, Dimension
from kit.caller import Caller
from kit.clock import Clock
from kit.errors import InvalidRequest
from kit.paging import seal, unseal
from usage.domain.cost import Cost, reckon
from usage.domain.hosts import ran, together
from usage.domain.rollup import TOLD, Asked, Used
from usage.ports import PriceTable, Rollups

MOST_ROWS = 200_000
"""Rows of sums that one request adds up: some seconds' work."""
DEFAULT_DAYS = 30
_SEPARATOR = "\x1f"
_POSITION = r"[^\x00-\x1e]{0,1500}"


class ReadUsage:
    """Administrators see everything, others what they and their groups used. The cost of an engine is shared before anything is left out:
    everybody's part is the same whoever asks."""

    def __init__(self, rollups: Rollups, prices: PriceTable, clock: Clock) -> None:
        self._rollups, self._prices, self._clock = rollups, prices, clock

    def __call__(self, caller: Caller, asked: Asked, limit: int, next_token: str | None) -> dict[str, Any]:
        """`{"items", "totals", "next_token", "prices_as_of"}`; InvalidRequest for too much, or another question's token."""
        days = self._days(asked)
        question = {"list": "usage", "days": [days[0], days[-1]], **{name: getattr(asked, name) for name in _FILTERS}}
        after = unseal(next_token, question, _POSITION)
        costs = [cost for cost in self._reckoned(days) if _may_see(caller, cost.used) and asked.admits(cost.used)]
        groups: dict[str, list[Cost]] = {}
        for cost in costs:
            groups.setdefault(_SEPARATOR.join(_key(cost.used, asked.group_by)), []).append(cost)
        names = [name for name in sorted(groups) if after is None or name > after]
        page = names[:limit]
        return {
            "items": [_item(asked.group_by, groups[name]) for name in page],
            "totals": _sums(costs),
            "next_token": seal(page[-1], question) if len(names) > limit else None,
            "prices_as_of": self._prices.as_of,
        }

    def _days(self, asked: Asked) -> list[str]:
        last = asked.last or max(self._clock.now().date(), asked.first or date.min)
        first = asked.first or date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
        if (last - first).days >= MOST_DAYS:
            raise _too_much(f"these are more than {MOST_DAYS} days")
        return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]

    def _reckoned(self, days: Sequence[str]) -> Iterator[Cost]:
        now, read = self._clock.now(), 0
        running = together([part for model_id, standing in self._rollups.standings() for part in ran(model_id, standing, now)])
        for day in days:
            rows: list[Used] = []
            for used in self._rollups.used(day):
                read += 1
                if read > MOST_ROWS:
                    raise _too_much(f"more than {MOST_ROWS} sums lie in these days")
                rows.append(used)
            parts = [*self._rollups.hosts(day), *(part for (of, _, _), part in running.items() if of == day)]
            yield from reckon(rows, together(parts), self._prices)


def _too_much(message: str) -> InvalidRequest:
    return InvalidRequest("usage-too-much", message, "Ask for fewer days at a time.")


_FILTERS = ("group_by", "model", "version", "token", "group")


def _may_see(caller: Caller, used: Used) -> bool:
    if caller.only is not None and used.model_id not in caller.only:
        return False
    return caller.is_admin or used.subject == caller.subject or (used.group != "" and used.group in caller.groups)


def _key(used: Used, dimensions: Iterable[str]) -> tuple[str, ...]:
    values: Mapping[str, str] = {
        "day": used.day,
        "model": used.model_id,
        "version": used.version,
        "token": used.subject,
        "group": used.group,
    }
    return tuple(values[name] for name in dimensions)


def _sums(costs: Sequence[Cost]) -> dict[str, Any]:
    sums: dict[str, Any] = {name: sum(getattr(cost.used, name) for cost in costs) for name in TOLD}
    known = [cost.micro_usd for cost in costs if cost.micro_usd is not None]
    sums["cost_micro_usd"] = sum(known) if known or not costs else None
    sums["unpriced_requests"] = sum(cost.used.requests for cost in costs if cost.micro_usd is None)
    return sums


def _item(dimensions: Sequence[str], costs: Sequence[Cost]) -> dict[str, Any]:
    named = dict.fromkeys(get_args(Dimension)) | dict(zip(dimensions, _key(costs[0].used, dimensions), strict=True))
    timed = sum(cost.used.first_tokens for cost in costs)
    requests = sum(cost.used.requests for cost in costs)
    return {
        **named,
        **_sums(costs),
        "mean_first_token_ms": sum(cost.used.first_token_ms for cost in costs) // timed if timed else None,
        "mean_duration_ms": sum(cost.used.duration_ms for cost in costs) // requests if requests else None,
    }
