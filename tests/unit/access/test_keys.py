"""How often the issuer is asked for its keys."""

from collections.abc import Sequence

import pytest

from access.domain.keys import Key, KeyRing
from kit.clock import ManualClock
from kit.errors import Transient


class Issuer:
    """Counts fetches; fails while `down`."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.fetches, self.down = list(kids), 0, False

    def __call__(self) -> Sequence[Key]:
        self.fetches += 1
        if self.down:
            raise Transient("issuer-unreachable", "down")
        return [*({"kid": kid} for kid in self.kids), {"kty": "RSA"}]


def test_fetches_once_for_many_tokens() -> None:
    """Known keys are not asked for again."""
    issuer, clock = Issuer("a"), ManualClock()
    ring = KeyRing(issuer, clock.now)
    assert all(ring.find("a") for _ in range(100))
    assert issuer.fetches == 1


def test_a_thousand_unknown_keys_cost_one_fetch_a_minute() -> None:
    """A stranger cannot make us hammer the issuer."""
    issuer, clock = Issuer("a"), ManualClock()
    ring = KeyRing(issuer, clock.now)
    assert not any(ring.find(f"x{number}") for number in range(1000))
    assert issuer.fetches == 1
    clock.advance(60)
    assert not any(ring.find(f"x{number}") for number in range(1000))
    assert issuer.fetches == 2


def test_a_new_key_is_found_after_a_rotation() -> None:
    """A minute after the last fetch at the latest."""
    issuer, clock = Issuer("a"), ManualClock()
    ring = KeyRing(issuer, clock.now)
    ring.find("a")
    issuer.kids = ["a", "b"]
    clock.advance(60)
    assert ring.find("b") == {"kid": "b"}


def test_a_withdrawn_key_is_forgotten() -> None:
    """A quarter of an hour later."""
    issuer, clock = Issuer("a", "b"), ManualClock()
    ring = KeyRing(issuer, clock.now)
    assert ring.find("a")
    issuer.kids = ["b"]
    clock.advance(15 * 60 + 1)
    assert ring.find("a") is None


def test_an_old_set_serves_for_an_hour_while_the_issuer_is_down() -> None:
    """Then nobody is let in on it any more."""
    issuer, clock = Issuer("a"), ManualClock()
    ring = KeyRing(issuer, clock.now)
    ring.find("a")
    issuer.down = True
    clock.advance(3500)
    assert ring.find("a")
    clock.advance(200)
    with pytest.raises(Transient):
        ring.find("a")


def test_without_any_set_it_tries_every_few_seconds() -> None:
    """A cold start into an outage recovers soon, and does not hammer."""
    issuer, clock = Issuer("a"), ManualClock()
    issuer.down = True
    ring = KeyRing(issuer, clock.now)
    for _ in range(10):
        with pytest.raises(Transient):
            ring.find("a")
    assert issuer.fetches == 1
    issuer.down = False
    clock.advance(5)
    assert ring.find("a")
