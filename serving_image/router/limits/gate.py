"""Letting requests in: within the limits of their token, their groups and their model, and while the model has room.

In the hot path from memory alone: a look at a few purses, and a subtraction from each. Where a purse is short and more might be had, a
short wait for a lease; refused (429) where it may not.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from router.identity import Caller
from router.limits.admission import FREE, Admission
from router.limits.book import LimitBook, Subject, Tariff
from router.limits.estimate import estimate, most_tokens
from router.limits.lender import Lender
from router.limits.listed import ListPrices
from router.limits.purse import Purse
from router.limits.refusals import headers, not_priced, refusal, too_many_choices, too_many_tokens
from router.limits.rooms import Room, full
from router.metrics import Metrics
from router.routes import Prepared

_PAUSE = 0.05


@dataclass(frozen=True)
class GateRules:
    """Times in seconds. `default_output`: tokens that an answer is taken for where neither request nor model say how many."""

    wait_seconds: float = 0.5
    room_seconds: float = 1.0
    room_waiting: int = 100
    dry_seconds: float = 1.0
    default_output: int = 512


@dataclass(slots=True)
class _Asked:
    """A request as the limits see it."""

    subjects: list[Subject]
    tokens: int
    usd: int
    tariff: Tariff | None
    cap: int | None


_UNLIMITED = _Asked([], 0, 0, None, None)


class Gate:
    """Lets requests in."""

    def __init__(
        self, book: LimitBook, lender: Lender, rules: GateRules, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._book, self._lender, self._rules, self._metrics, self._now = book, lender, rules, metrics, now
        self._rooms: dict[str, Room] = {}
        self._listed = ListPrices()

    def enter(self, caller: Caller, prepared: Prepared, document: Mapping[str, Any], size: int) -> Admission | None:
        """The admission of a request of `size` bytes, if it can be had at once; None if it has to be waited for. ApiError 429 where there
        is no hope, 400 and 403 for what may not be asked."""
        subjects = self._subjects(caller, prepared.route.model_id)
        if not subjects and prepared.limit is None:
            return FREE
        asked = self._asked(subjects, prepared, document, size) if subjects else _UNLIMITED
        now = self._now()
        for subject in subjects:
            if now >= subject.turns_at:
                self._book.turn(subject, now)
            for purse in subject.purses:
                if purse.short(asked.tokens, asked.usd):
                    if purse.dry_until > now:
                        raise self._refused(purse, asked, now, prepared)
                    return None
        room = None
        if prepared.limit is not None:
            room = self._room(prepared)
            if not room.enter(caller.subject, prepared.limit):
                return None
        return self._admitted(asked, now, room, caller, prepared)

    async def wait(self, caller: Caller, prepared: Prepared, document: Mapping[str, Any], size: int) -> Admission:
        """The admission, after a short wait; ApiError 429 if it is not to be had."""
        subjects = self._subjects(caller, prepared.route.model_id)
        asked = self._asked(subjects, prepared, document, size) if subjects else _UNLIMITED
        room = None
        if prepared.limit is not None:
            room = self._room(prepared)
            rules = self._rules
            if not room.enter(caller.subject, prepared.limit) and not await room.wait(
                caller.subject, prepared.limit, seconds=rules.room_seconds, most=rules.room_waiting
            ):
                self._metrics.limited.labels(prepared.route.model_id, "room", "now").inc()
                raise full(prepared.limit)
        try:
            await self._find_room_in_purses(asked, prepared)
        except BaseException:
            if room is not None:
                room.leave(caller.subject, prepared.limit)
            raise
        return self._admitted(asked, self._now(), room, caller, prepared)

    async def _find_room_in_purses(self, asked: _Asked, prepared: Prepared) -> None:
        """Wait until no purse is short; nothing is awaited between the last look and the return."""
        ends = time.monotonic() + self._rules.wait_seconds
        looked: set[Purse] = set()
        while True:
            now = self._now()
            purse = self._short(asked, now)
            if purse is None:
                return
            left = ends - time.monotonic()
            need = (1, asked.tokens, asked.usd)
            if purse in looked:
                if left <= 0 or _is_hopeless(purse, need):
                    purse.dry_until = now + (0.0 if purse.places else self._rules.dry_seconds)
                    raise self._refused(purse, asked, now, prepared)
                await asyncio.sleep(min(_PAUSE, left))  # others may give back what they do not need
            elif left <= 0:
                raise self._refused(purse, asked, now, prepared, late=True)
            if await self._lender.grow(purse, need, ends - time.monotonic()):
                looked.add(purse)

    def _short(self, asked: _Asked, now: float) -> Purse | None:
        for subject in asked.subjects:
            if now >= subject.turns_at:
                self._book.turn(subject, now)
            for purse in subject.purses:
                if purse.short(asked.tokens, asked.usd):
                    return purse
        return None

    def _subjects(self, caller: Caller, model_id: str) -> list[Subject]:
        """Whose limits count: the token's, the model's, those of every group that the caller is in."""
        book = self._book
        found: list[Subject] = []
        if caller.token_id is not None and (subject := book.tokens.get(caller.token_id)) is not None:
            found.append(subject)
        if book.groups:
            found += [subject for group in caller.groups if (subject := book.groups.get(group)) is not None]
        if (subject := book.models.get(model_id)) is not None:
            found.append(subject)
        return found

    def _asked(self, subjects: list[Subject], prepared: Prepared, document: Mapping[str, Any], size: int) -> _Asked:
        default = prepared.defaults.get("max_tokens")
        guessed = estimate(document, size, prepared.route.task, default if isinstance(default, int) else self._rules.default_output)
        cap: int | None = None
        counts_money = False
        for subject in subjects:
            limits = subject.limits
            if limits.max_choices is not None and guessed.choices > limits.max_choices:
                raise too_many_choices(limits.max_choices)
            if limits.max_tokens is not None:
                cap = limits.max_tokens if cap is None else min(cap, limits.max_tokens)
            counts_money = counts_money or subject.counts_money
        output = guessed.output
        if cap is not None and output > cap:
            if most_tokens(document) is not None:
                raise too_many_tokens(cap)
            output = cap
        tokens = guessed.input + output * guessed.choices
        if not counts_money:
            return _Asked(subjects, tokens, 0, None, cap)
        model = self._book.models.get(prepared.route.model_id)
        tariff = model.tariff if model is not None else None
        if tariff is None:
            tariff = self._listed.of(prepared.route, self._now())
        if tariff is None:
            raise not_priced(prepared.route.model_id)
        return _Asked(subjects, tokens, tariff.cost(guessed.input, output * guessed.choices), tariff, cap)

    def _admitted(self, asked: _Asked, now: float, room: Room | None, caller: Caller, prepared: Prepared) -> Admission:
        taken: list[Purse] = []
        minutes: list[Purse] = []
        tokens, usd = asked.tokens, asked.usd
        for subject in asked.subjects:
            if subject.minute is not None:
                minutes.append(subject.minute)
            for purse in subject.purses:
                taken.append(purse)
                purse.free_r -= 1
                purse.free_t -= tokens
                purse.free_u -= usd
                if purse.free_r < purse.low_r or purse.free_t < purse.low_t or purse.free_u < purse.low_u:
                    self._lender.fetch(purse)
        told = headers(minutes, now) if minutes else []
        admission = Admission(tuple(taken), tokens, usd, asked.tariff, told, asked.cap)
        if room is not None and prepared.limit is not None:
            admission.in_room(room, caller.subject, prepared.limit)
        return admission

    def _refused(self, purse: Purse, asked: _Asked, now: float, prepared: Prepared, *, late: bool = False) -> Exception:
        self._metrics.limited.labels(prepared.route.model_id, purse.kind, purse.window.period).inc()
        sure = not late and _is_hopeless(purse, (1, asked.tokens, asked.usd))
        error = refusal(purse, asked.tokens, asked.usd, now, sure=sure)
        error.headers = tuple(headers((subject.minute for subject in asked.subjects if subject.minute is not None), now))
        return error

    def _room(self, prepared: Prepared) -> Room:
        model_id = prepared.route.model_id
        room = self._rooms.get(model_id)
        if room is None:
            room = self._rooms[model_id] = Room()
        return room


def _is_hopeless(purse: Purse, need: tuple[int, int, int]) -> bool:
    """Whether it is known that there is not enough, even if other routers give back all that they have not used."""
    if purse.account is None:
        return False
    free = (purse.free_r, purse.free_t, purse.free_u)
    return any(
        most is not None and left + beyond + others < asked
        for most, left, beyond, others, asked in zip(purse.limit, free, purse.beyond, purse.others, need, strict=True)
    )
