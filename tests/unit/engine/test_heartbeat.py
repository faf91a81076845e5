"""Busy, idle, slow and frozen engines, told apart by a clock that the test moves."""

import asyncio

import aiohttp
import pytest

from contracts.engine import EngineTask, Phase
from engine.adapters.base import Metrics
from engine.errors import EngineError
from engine.heartbeat import Heartbeat, Rhythm
from engine.metrics import own_metrics, total, translate
from engine.state import State
from engine.upstream import ProbeMissedError, Upstream

METRICS = Metrics(
    {"e:running": "slipway_engine_requests_running", "e:seconds": "slipway_engine_request_seconds"}, running="e:running", steps="e:steps"
)


class FakeUpstream(Upstream):
    """An engine whose metrics and answers are set by the test; None does not answer."""

    exposition: str | None
    answers: bool
    asked: int

    @classmethod
    def create(cls) -> "FakeUpstream":
        """One that is idle and answers."""
        fake = object.__new__(cls)
        values = {
            "address": "",
            "key": "",
            "model_id": "m",
            "task": EngineTask.CHAT,
            "exposition": "e:running 0\ne:steps 0\n",
            "answers": True,
            "asked": 0,
        }
        for name, value in values.items():
            object.__setattr__(fake, name, value)
        return fake

    def set(self, **values: object) -> None:
        """Change what it does from now on."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    async def metrics(self) -> str:
        """Answer the metrics."""
        if self.exposition is None:
            raise ProbeMissedError("no metrics")
        return self.exposition

    async def complete_once(self, seconds: float) -> None:
        """Answer the canary."""
        assert seconds == 60
        self.set(asked=self.asked + 1)
        if not self.answers:
            raise ProbeMissedError("no completion")


class Scene:
    """An engine that serves, its heartbeat, and a clock."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.state = State(monotonic=lambda: self.clock)
        self.state.enter(Phase.READY)
        self.upstream = FakeUpstream.create()
        self.heartbeat = Heartbeat(self.state, self.upstream, METRICS, Rhythm())

    def after(self, seconds: float) -> None:
        """Let time pass, then look."""
        self.clock += seconds
        asyncio.run(self.heartbeat.look())


def test_an_idle_engine_is_asked_for_a_token_now_and_then() -> None:
    """Silence of 30 seconds without requests brings one question; its answer is a sign of life."""
    scene = Scene()
    scene.after(20)
    assert scene.upstream.asked == 0
    scene.after(10)
    assert scene.upstream.asked == 1
    assert scene.state.sign_of_life == scene.clock


def test_bytes_to_clients_are_signs_of_life() -> None:
    """An engine that answers is not asked."""
    scene = Scene()
    scene.clock += 300
    scene.state.beat()
    scene.after(1)
    assert scene.upstream.asked == 0


def test_a_busy_engine_that_makes_steps_lives_without_a_byte() -> None:
    """A long prompt gives no bytes for minutes; steps that rise are enough."""
    scene = Scene()
    scene.state.begin_request()
    for step in range(20):
        scene.upstream.set(exposition=f"e:running 1\ne:steps {step + 1}\n")
        scene.after(60)
    assert scene.upstream.asked == 0


def test_a_frozen_engine_is_given_up_after_two_minutes_and_three_misses() -> None:
    """Requests in flight, steps that stand still: dead after 120 seconds, not before, and not by a single look."""
    scene = Scene()
    scene.state.begin_request()
    scene.upstream.set(exposition="e:running 1\ne:steps 5\n")
    scene.after(5)
    scene.after(200)
    scene.after(5)
    with pytest.raises(EngineError, match="engine-unresponsive: The engine has shown no sign of life for 2"):
        scene.after(5)


def test_a_silent_idle_engine_is_given_up_too() -> None:
    """No metrics, no answer: dead once the silence is long enough."""
    scene = Scene()
    scene.upstream.set(exposition=None)
    for _ in range(11):
        scene.after(10)
    with pytest.raises(EngineError, match="no metrics"):
        scene.after(10)


def test_one_missed_canary_is_forgiven() -> None:
    """An engine that answers the next question starts afresh."""
    scene = Scene()
    scene.upstream.set(answers=False)
    for _ in range(4):
        scene.after(25)
    scene.upstream.set(answers=True)
    scene.after(25)
    assert scene.state.sign_of_life == scene.clock
    scene.upstream.set(answers=False)
    scene.after(119)


def test_metrics_get_neutral_names_and_our_labels() -> None:
    """Known metrics are renamed with every suffix, unknown ones dropped, the engine's own model label replaced."""
    exposition = (
        "# HELP e:running x\n# TYPE e:running gauge\n"
        'e:running{engine="0",model_name="/path"} 2.0\n'
        'e:seconds_bucket{le="0.5",model_name="a\\"b"} 3\ne:seconds_count 4\ne:other 5\nbroken\n'
    )
    assert translate(exposition, METRICS, 'model_id="m"') == (
        'slipway_engine_requests_running{model_id="m",engine="0"} 2.0\n'
        'slipway_engine_request_seconds_bucket{model_id="m",le="0.5"} 3\n'
        'slipway_engine_request_seconds_count{model_id="m"} 4\n'
    )
    assert total(exposition, "e:running") == 2
    assert total(exposition, "e:none") is None


def test_our_own_metrics_need_no_engine() -> None:
    """Phase, requests in flight and the age of the last sign of life, with quotes in names made harmless."""
    scene = Scene()
    scene.state.model_id = 'm"1'
    scene.clock += 7
    text = own_metrics(scene.state)
    assert 'slipway_engine_phase{model_id="m\\"1",version="",phase="ready"} 1\n' in text
    assert 'slipway_engine_heartbeat_age_seconds{model_id="m\\"1",version=""} 7.000\n' in text


def test_an_engine_that_is_not_there_is_a_miss_and_no_crash() -> None:
    """Refused connections are told as missed probes."""

    async def probe() -> None:
        async with aiohttp.ClientSession() as session:
            upstream = Upstream(session, "http://127.0.0.1:9", "k", "m", EngineTask.CHAT)
            assert not await upstream.is_listening()
            with pytest.raises(ProbeMissedError):
                await upstream.metrics()
            with pytest.raises(ProbeMissedError):
                await upstream.complete_once(5)

    asyncio.run(probe())
