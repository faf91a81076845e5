"""Starting, restarting and stopping a router process."""

import stat
from pathlib import Path

import httpx

from tests.functional.router.platform import Platform, RouterProcess, target
from tests.functional.router.stubs import StubAws, StubEngine

CHAT = "/v1/chat/completions"
ASK = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}


def test_it_restarts_from_disk_and_drains(tmp_path: Path) -> None:
    """What one process learnt the next serves with the tables dead; SIGTERM lets an open stream finish and ends with 0."""
    with StubAws() as aws, StubEngine() as engine:
        platform = Platform(aws)
        platform.route(targets=[target(engine.port)])
        token = platform.token()
        first = RouterProcess(aws, tmp_path)
        first.wait_ready()
        first.follows(aws)
        assert first.terminate() == 0
        for file in tmp_path.glob("*.json"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert token not in file.read_text()

        aws.alive = False
        second = RouterProcess(aws, tmp_path)
        second.wait_ready()
        assert second.post(CHAT, token, ASK).status_code == 200
        engine.hold()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.stream("POST", second.url + CHAT, json={**ASK, "stream": True}, headers=headers, timeout=20, trust_env=False) as answer:
            parts = answer.iter_raw()
            received = next(parts)
            second.process.terminate()
            refused = second.http.get("/health/ready")
            while refused.status_code == 200:
                refused = second.http.get("/health/ready")
            assert refused.json()["error"]["code"] == "router_draining"
            assert second.post(CHAT, token, ASK).json()["error"]["code"] == "router_draining"
            engine.go()
            received += b"".join(parts)
        assert received.endswith(b"data: [DONE]\n\n")
        assert second.wait() == 0


def test_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    """Without a setting it ends at once, with 64 and the variable's name."""
    with StubAws() as aws:
        router = RouterProcess(aws, tmp_path, PEPPER_SECRET_ARN="")
        assert router.wait() == 64
    assert "PEPPER_SECRET_ARN" in router.lines[-1]["reason"]


def test_a_router_that_stops_holds_nobody(tmp_path: Path) -> None:
    """A request that waits for a model is told at once to try another router, and the process ends with 0; too many never get to wait."""
    with StubAws() as aws:
        platform = Platform(aws)
        platform.route(state="asleep", targets=[])
        token = platform.token()
        router = RouterProcess(aws, tmp_path, SLIPWAY_MAX_HELD_PER_MODEL="1")
        router.wait_ready()
        router.follows(aws)
        headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=60"}
        with httpx.stream("POST", router.url + CHAT, json={**ASK, "stream": True}, headers=headers, timeout=20, trust_env=False) as answer:
            lines = answer.iter_lines()
            assert next(lines) == ": waking scheduling"
            refused = router.post(CHAT, token, ASK, Prefer="wait=60")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_waiting")
            router.process.terminate()
            assert "router_draining" in "".join(lines)
        assert router.wait() == 0
