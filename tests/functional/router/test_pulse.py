"""What counts against the serving objective: requests that were sent on, or should have been; not those of sleepers, nor refusals."""

from pathlib import Path

from tests.evidence import counted
from tests.functional.router.platform import Platform, RouterProcess, target
from tests.functional.router.stubs import StubAws, StubEngine

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


def test_only_what_was_promised_counts(tmp_path: Path) -> None:
    """One is answered, one finds a dead target, one a sleeping model, one no model, one has no token: two count, and one of them failed."""
    with StubEngine() as dead:
        gone = dead.port
    with StubAws() as aws, StubEngine() as engine:
        platform = Platform(aws)
        platform.route("tiny", targets=[target(engine.port)])
        platform.route("lost", targets=[target(gone)])
        platform.route("drowsy", state="asleep", targets=[])
        token = platform.token()
        router = RouterProcess(aws, tmp_path)
        router.wait_ready()
        router.follows(aws)
        asked = [(token, "tiny"), (token, "lost"), (token, "drowsy"), (token, "nobody"), ("none", "tiny")]
        statuses = [router.post(CHAT, whose, {"model": model, "messages": HELLO}).status_code for whose, model in asked]
        assert statuses == [200, 503, 503, 404, 401]
        assert router.terminate() == 0
        (told,) = [line for line in router.lines if line.get("message") == "pulse"]
        assert (told["Requests"], told["RequestsFailed"], len(told["RequestSeconds"])) == (2, 1, 2)
        assert (told["environment"], told["service"]) == ("local", "router")
        assert "FirstTokenSeconds" not in told
        counted("requests_judged_against_the_objective", len(asked))
