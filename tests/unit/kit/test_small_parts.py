"""Errors, envelopes, ids, settings, patience."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from kit import errors
from kit.clock import ManualClock, iso, parse
from kit.envelope import Cause, Fact, Wrapper, unwrap
from kit.errors import Broken, Contended, InvalidRequest, Transient, Violation
from kit.ids import Ids, derived, floor_of, is_ulid, moment_of
from kit.patience import Patience
from kit.settings import Settings

STATUS = {
    errors.Refused: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleGeneration: 412,
    errors.TooLarge: 413,
    errors.LimitExceeded: 429,
    errors.NotYet: 503,
    errors.Transient: 503,
    errors.Contended: 503,
    errors.Broken: 500,
}


@pytest.mark.parametrize("kind", STATUS)
def test_each_error_has_its_status(kind: type[errors.SlipwayError]) -> None:
    """And a problem document that repeats it, with code, hint and the request."""
    error = kind("a-code", "a sentence", "a hint", {"extra": 1})
    document = errors.problem(error, "request-1")
    assert errors.http_status(error) == document["status"] == STATUS[kind]
    assert (document["type"], document["code"], document["hint"]) == ("urn:slipway:problem:a-code", "a-code", "a hint")
    assert (document["instance"], document["extra"], str(error)) == ("request-1", 1, "a-code: a sentence")


def test_an_invalid_request_names_its_fields() -> None:
    """422 with violations, 400 when it cannot be read at all."""
    error = InvalidRequest("validation-failed", "1 field", violations=[Violation("a.b", "c", "m")])
    assert errors.problem(error, "r")["errors"] == [{"path": "a.b", "code": "c", "message": "m"}]
    assert errors.http_status(error) == 422
    assert errors.http_status(InvalidRequest("c", "m", malformed=True)) == 400


def test_errors_can_be_kept_in_a_set() -> None:
    """Traceback and tracing code does that; two alike are still two."""
    assert len({Broken("c", "m"), Broken("c", "m")}) == 2


def test_an_envelope_survives_the_bus() -> None:
    """Unwrapped as it was wrapped; its cause names it."""
    clock = ManualClock()
    envelope = Wrapper("serving", "test", clock, Ids(clock)).wrap(Fact("E", {"a": 1}, "1.1"), Cause("actor", "correlation", None))
    assert unwrap("E", envelope.detail()) == envelope
    assert envelope.cause() == Cause("actor", "correlation", envelope.metadata.id, "E")
    assert (envelope.source, envelope.metadata.version, envelope.metadata.occurred_at) == ("slipway.serving", "1.1", iso(clock.now()))


@pytest.mark.parametrize("detail", [{}, {"metadata": {}}, {"metadata": None, "data": {}}, {"metadata": [], "data": {}}])
def test_what_is_not_ours_is_broken(detail: dict[str, object]) -> None:
    """Somebody else publishes on our bus: a person must look."""
    with pytest.raises(Broken, match="event-malformed"):
        unwrap("E", detail)


def test_ids_rise() -> None:
    """With time, within a millisecond, when randomness runs against it, and when the clock is set back."""
    clock, bits = ManualClock(), iter([2**80 - 1, 5, 0, 7, 1])
    ids = Ids(clock, lambda _: next(bits))
    made = [ids.new(), ids.new()]
    clock.advance(1)
    made.append(ids.new())
    clock.advance(-100)
    made.append(ids.new())
    clock.advance(200)
    made.append(ids.new())
    assert made == sorted(set(made))
    assert all(is_ulid(text) for text in made)


def test_an_id_that_follows_from_words_is_theirs_and_its_moments() -> None:
    """The same for the same; sorted among the others of its time."""
    clock = ManualClock()
    made = derived(clock.now(), "batch 1")
    assert made == derived(clock.now(), "batch 1") != derived(clock.now(), "batch 2")
    assert floor_of(clock.now()) < made < floor_of(clock.now() + timedelta(milliseconds=1))
    assert moment_of(made) == clock.now()


@pytest.mark.parametrize("text", ["", "0" * 25, "0" * 27, "I" * 26, "a" * 26])
def test_other_texts_are_no_ids(text: str) -> None:
    """Length and alphabet."""
    assert not is_ulid(text)


def test_moments_survive_their_text() -> None:
    """To the millisecond."""
    clock = ManualClock()
    clock.advance(0.123)
    assert parse(iso(clock.now())) == clock.now()
    assert iso(clock.now()).endswith(".123Z")


@dataclass(frozen=True)
class Example(Settings):
    """Every kind of field."""

    table: str
    count: int
    ratio: float = 0.5
    on: bool = False
    names: tuple[str, ...] = field(default_factory=tuple)


def test_settings_are_typed() -> None:
    """Defaults where nothing is said."""
    assert Example.from_env({"TABLE": "t", "COUNT": "3"}) == Example("t", 3)
    every = {"TABLE": "t", "COUNT": "3", "RATIO": "1.5", "ON": "true", "NAMES": "a, b,,c"}
    assert Example.from_env(every) == Example("t", 3, 1.5, on=True, names=("a", "b", "c"))


def test_settings_name_everything_that_is_wrong() -> None:
    """At once, and never with the value."""
    with pytest.raises(Broken) as caught:
        Example.from_env({"COUNT": "hot", "ON": "yes"})
    assert [part in caught.value.message for part in ("TABLE is missing", "COUNT is not", "ON is not", "hot")] == [True, True, True, False]


def test_patience_waits_longer_each_time_up_to_a_ceiling() -> None:
    """Full jitter: chance decides how much of the ceiling."""
    waits: list[float] = []

    def lost() -> None:
        raise Contended("c", "m")

    with pytest.raises(Transient, match="contended-too-long"):
        Patience(tries=6, base=1, ceiling=4, chance=lambda: 0.5, sleep=waits.append).persist(lost)
    assert waits == [0.5, 1, 2, 2, 2]


def test_patience_is_for_contention_only() -> None:
    """Any other error goes through at once."""
    tries: list[int] = []

    def down() -> None:
        tries.append(1)
        raise Transient("down", "m")

    with pytest.raises(Transient, match="down"):
        Patience(sleep=lambda _: None).persist(down)
    assert len(tries) == 1
