"""One request, until there is an answer."""

import httpx
import pytest

from slipway_cli.client import ATTEMPTS, place
from tests.fakes.management import FakeManagement, Told, accepted, model, page, problem
from tests.unit.cli.running import Terminal, last

AWAY = httpx.ConnectError("connection refused")
CUT = httpx.ReadError("connection reset")


@pytest.mark.parametrize(
    "trouble", [AWAY, CUT, Told(503, None), Told(502, "<html>"), problem(503, "table-throttled", "the table is throttled")]
)
def test_a_change_is_sent_again_with_the_same_key(trouble: Told | Exception) -> None:
    """So that it happens once, whatever became of the first attempt."""
    terminal = Terminal(FakeManagement({"POST /models/parrot/stop": [trouble, accepted()]}))
    assert terminal.run("models", "stop", "parrot").code == 0
    assert [asked.headers["idempotency-key"] for asked in terminal.api.asked] == ["key-of-this-invocation"] * 2


def test_a_key_of_ones_own_is_used() -> None:
    """For scripts that begin again."""
    terminal = Terminal(FakeManagement({"POST /models/parrot/stop": [accepted()]}))
    terminal.run("models", "stop", "parrot", "--idempotency-key", "mine")
    assert last(terminal).headers["idempotency-key"] == "mine"


def test_who_says_when_to_come_back_is_obeyed_within_reason() -> None:
    """Retry-After goes before our own delay, and is capped."""
    terminal = Terminal(
        FakeManagement({"GET /models": [Told(429, None, {"Retry-After": "3"}), Told(503, None, {"Retry-After": "9999"}), page()]})
    )
    assert terminal.run("models", "list").code == 0
    assert terminal.slept == [3.0, 30.0]


def test_delays_grow_and_end() -> None:
    """After the last attempt it is exit code 5, with the address and what to look at."""
    terminal = Terminal(FakeManagement({"GET /models": [AWAY]}))
    ended = terminal.run("models", "list")
    assert (ended.code, len(terminal.api.asked)) == (5, ATTEMPTS)
    assert terminal.slept == [0.25, 0.5, 1.0, 2.0]
    assert "https://api.example/dev" in ended.err
    assert "slipway config show" in ended.err


@pytest.mark.parametrize(
    ("told", "code"),
    [(problem(500, "internal-error", "x"), 5), (problem(404, "model-not-found", "x"), 3), (problem(412, "generation-stale", "x"), 3)],
)
def test_an_answer_is_an_answer(told: Told, code: int) -> None:
    """Neither a refusal nor a fault of theirs is tried again; each has its exit code."""
    terminal = Terminal(FakeManagement({"GET /models/parrot": [told]}))
    assert (terminal.run("models", "show", "parrot").code, len(terminal.api.asked)) == (code, 1)


def test_a_problem_is_shown_with_everything_that_helps() -> None:
    """Code, sentence, fields with path and code, hint, request id."""
    errors = [{"path": "capacity.min", "code": "int-parsing", "message": "Input should be a valid integer"}]
    refusal = problem(422, "validation-failed", "1 field(s) are not acceptable", hint="Look it up.", errors=errors)
    ended = Terminal(FakeManagement({"PATCH /models/parrot": [refusal]})).run("models", "update", "parrot", "--set", "capacity.min=x")
    assert ended.code == 3
    for words in (
        "validation-failed",
        "1 field(s) are not acceptable",
        "capacity.min",
        "Input should be a valid integer",
        "int-parsing",
        "Look it up.",
        "request-1",
        "422",
    ):
        assert words in ended.err
    assert ended.out == ""


def test_a_problem_as_json_is_the_document_itself() -> None:
    """On standard error, with the exit code, so that standard output stays empty."""
    ended = Terminal().run("models", "show", "parrot", "--json")
    assert ended.out == ""
    assert '"code": "model-not-found"' in ended.err
    assert '"exit_code": 3' in ended.err


@pytest.mark.parametrize(("status", "code"), [(401, "not-authenticated"), (403, "scope-missing")])
def test_the_gateways_own_refusals_get_a_code_and_a_hint(status: int, code: str) -> None:
    """API Gateway says no more than a word."""
    ended = Terminal(FakeManagement({"GET /models": [Told(status, {"message": "Unauthorized"})]})).run("models", "list")
    assert ended.code == 3
    assert code in ended.err
    assert "expired" in ended.err


def test_a_route_that_an_older_platform_lacks_is_told_apart_from_a_model_that_is_not_there() -> None:
    """API Gateway says no more than Not Found."""
    ended = Terminal(FakeManagement({"POST /models/parrot/stop": [Told(404, {"message": "Not Found"})]})).run("models", "stop", "parrot")
    assert (ended.code, "older than this command line" in ended.err) == (3, True)


@pytest.mark.parametrize("told", [Told(200, "<html>"), Told(200, {"hello": 1}), Told(404, "<html>")])
def test_something_else_at_the_address_is_recognised(told: Told) -> None:
    """A wrong address gives a question, not a traceback."""
    ended = Terminal(FakeManagement({"GET /models": [told]})).run("models", "list")
    assert ended.code in {3, 5}
    assert "is this the management API?" in ended.err


def test_a_path_cannot_be_left() -> None:
    """Ids are one segment of the path, whatever is in them."""
    assert place("models", "../tokens?x#y", "stop") == "/models/..%2Ftokens%3Fx%23y/stop"
    terminal = Terminal()
    terminal.run("models", "show", "../tokens")
    assert last(terminal).path == "/models/..%2Ftokens"


def test_all_pages_are_read_to_the_last() -> None:
    """And filters go with each."""
    terminal = Terminal(
        FakeManagement({"GET /models": [page(model("a"), next_token="2"), page(model("b"), next_token="3"), page(model("c"))]})
    )
    ended = terminal.run("models", "list", "--all", "--status", "InService", "--output", "ndjson")
    assert [line[:16] for line in ended.out.splitlines()] == ['{"model_id": "a"', '{"model_id": "b"', '{"model_id": "c"']
    assert [asked.query for asked in terminal.api.asked] == [
        {"status": "InService"},
        {"status": "InService", "next_token": "2"},
        {"status": "InService", "next_token": "3"},
    ]


def test_requests_can_be_watched_without_the_token() -> None:
    """--verbose names method, path, status and time."""
    ended = Terminal(FakeManagement({"GET /models": [page()]})).run("models", "list", "--verbose", "--prefix", "par")
    assert "GET /models?prefix=par 200 in" in ended.err.replace("/dev", "")
    assert "slp_" not in ended.err


def test_pages_that_a_filter_left_empty_are_passed_over() -> None:
    """Without --all, to the first that holds something."""
    terminal = Terminal(
        FakeManagement({"GET /models": [page(next_token="2"), page(next_token="3"), page(model(), next_token="4"), page()]})
    )
    ended = terminal.run("models", "list")
    assert len(terminal.api.asked) == 3
    assert "parrot" in ended.out
    assert "--next-token 4" in ended.err


def test_the_token_goes_in_a_header_alone() -> None:
    """And we say who we are."""
    terminal = Terminal(FakeManagement({"GET /models": [page()]}))
    terminal.run("models", "list")
    assert last(terminal).headers["authorization"].startswith("Bearer slp_")
    assert last(terminal).headers["user-agent"].startswith("slipway-cli/")


def test_a_lost_answer_without_a_key_is_not_repeated() -> None:
    """The client's own rule, for requests that could happen twice."""
    from slipway_cli.client import Api, Tries
    from slipway_cli.errors import UnreachableError

    fake = FakeManagement({"POST /x": [CUT]})
    api = Api(httpx.Client(base_url="https://api.example/", transport=fake.transport()), Tries(lambda _seconds: None))
    with pytest.raises(UnreachableError):
        api.request("POST", "/x")
    assert len(fake.asked) == 1
