"""What is measured of each model's traffic, and when it is told."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.routing import LoadObserved
from router.load import Load, LoadMeter, percentile
from tests.unit.router.fakes import Clock


class Measured:
    """A meter whose looks are the test's."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[LoadObserved] = []
        self.queued = 0
        self.meter = LoadMeter(
            self.told.append, "router-0", ready=lambda _model_id: 2, queued=lambda _model_id: self.queued, clock=self.clock
        )

    def after(self, seconds: float = 2.0) -> list[LoadObserved]:
        """What a look after so long tells."""
        self.clock.now += seconds
        before = len(self.told)
        self.meter.look()
        return self.told[before:]

    def finish(self, load: Load, times: int = 1, first: float | None = None, *, failed: bool = False) -> None:
        """Requests end."""
        for _ in range(times):
            load.done(failed=failed, first_token_seconds=first)


def test_first_traffic_is_told_and_so_is_its_end_and_nothing_at_rest() -> None:
    """One report when requests come, one when they have ended, then silence."""
    measured = Measured()
    load = measured.meter.begin("tiny")
    (first,) = measured.after()
    assert (first.model_id, first.router_id, first.window_seconds, first.in_flight, first.requests, first.ready_targets) == (
        "tiny",
        "router-0",
        2.0,
        1,
        0,
        2,
    )
    assert first.last_request_at is not None
    measured.finish(load)
    (second,) = measured.after()
    assert (second.in_flight, second.requests) == (0, 1)
    (end,) = measured.after()
    assert (end.in_flight, end.requests) == (0, 0)
    assert measured.after(60) == []


def test_steady_traffic_is_told_every_ten_seconds() -> None:
    """What changes by less than a fifth is no news, until it is a sign of life."""
    measured = Measured()
    loads = [measured.meter.begin("tiny") for _ in range(10)]
    assert len(measured.after()) == 1
    measured.meter.begin("tiny")
    assert [len(measured.after()) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert (measured.told[-1].in_flight, measured.told[-1].window_seconds) == (11, 10.0)
    measured.finish(loads[0], 4)
    assert [told.in_flight for told in measured.after()] == [7]


@pytest.mark.parametrize("news", ["queued", "errors", "tokens", "first token"])
def test_a_change_by_more_than_a_fifth_is_told(news: str) -> None:
    """Each of the figures makes a report of its own."""
    measured = Measured()
    loads = [measured.meter.begin("tiny") for _ in range(50)]
    for _ in range(2):
        loads[0].spoke(100)
        measured.finish(loads[0], 10, 0.1)
        loads += [measured.meter.begin("tiny") for _ in range(10)]
        measured.after()
    before = len(measured.told)
    loads[0].spoke(200 if news == "tokens" else 100)
    measured.finish(loads[0], 10, 0.2 if news == "first token" else 0.1, failed=news == "errors")
    loads += [measured.meter.begin("tiny") for _ in range(10)]
    measured.queued = 5 if news == "queued" else 0
    measured.after()
    assert len(measured.told) == before + 1
    loads[0].spoke(200 if news == "tokens" else 100)
    measured.finish(loads[0], 10, 0.2 if news == "first token" else 0.1, failed=news == "errors")
    loads += [measured.meter.begin("tiny") for _ in range(10)]
    assert measured.after() == []


def test_rates_and_percentiles_are_of_the_window() -> None:
    """Tokens per second over the window's length; the 95th percentile by nearest rank; errors within requests."""
    measured = Measured()
    load = measured.meter.begin("tiny")
    for place in range(20):
        measured.meter.begin("tiny").done(failed=place == 0, first_token_seconds=(place + 1) / 1000)
    load.spoke(300)
    (told,) = measured.after(3.0)
    assert (told.tokens_per_second, told.time_to_first_token_ms, told.requests, told.errors) == (100.0, 19.0, 20, 1)
    (again,) = measured.after(20.0)
    assert (again.tokens_per_second, again.time_to_first_token_ms, again.requests) == (0.0, None, 0)


def test_models_without_tokens_say_none() -> None:
    """An embedding has no tokens to count: that is not a rate of nothing."""
    measured = Measured()
    measured.meter.begin("vectors").done(failed=False, first_token_seconds=None)
    (told,) = measured.after()
    assert (told.tokens_per_second, told.time_to_first_token_ms) == (None, None)


def test_what_was_no_news_is_in_the_next_report() -> None:
    """A step is seen by what came since the last look; the sums are of everything since the last report."""
    measured = Measured()
    load = measured.meter.begin("tiny")

    def second(tokens: int) -> list[LoadObserved]:
        for _ in range(10):
            measured.meter.begin("tiny")
        measured.finish(load, 10)
        load.spoke(tokens)
        return measured.after()

    assert [len(second(100)) for _ in range(4)] == [1, 0, 0, 0]
    (told,) = second(200)
    assert (told.requests, told.window_seconds, told.tokens_per_second) == (40, 8.0, 62.5)
    assert second(200) == []


def test_a_stopping_router_tells_what_is_left() -> None:
    """The last look tells of every model that there was traffic for."""
    measured = Measured()
    load = measured.meter.begin("tiny")
    measured.after()
    measured.finish(load)
    measured.meter.look(last=True)
    assert [told.in_flight for told in measured.told] == [1, 0]


def test_the_loop_waits_for_traffic() -> None:
    """Nothing is looked at while there is nothing; a request wakes the loop, and its end lets it rest."""

    async def work() -> list[LoadObserved]:
        told: list[LoadObserved] = []
        ended = asyncio.Event()

        def tell(seen: LoadObserved) -> None:
            told.append(seen)
            if not seen.in_flight and not seen.requests:
                ended.set()

        meter = LoadMeter(tell, "r", ready=lambda _: 1, queued=lambda _: 0, window_seconds=0.01)
        loop = asyncio.create_task(meter.run())
        await asyncio.sleep(0)
        meter.begin("tiny").done(failed=False, first_token_seconds=None)
        await asyncio.wait_for(ended.wait(), 10)
        assert not meter._busy.is_set()
        loop.cancel()
        return told

    assert [(seen.in_flight, seen.requests) for seen in asyncio.run(work())] == [(0, 1), (0, 0)]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_a_percentile_is_a_sample_that_few_exceed(samples: list[float]) -> None:
    """It is one of the samples, and at most a twentieth of them is larger."""
    found = percentile(samples, 0.95)
    assert found in samples
    assert sum(sample > found for sample in samples) <= 0.05 * len(samples)
