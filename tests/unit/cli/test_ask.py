"""A question to a model, through the router."""

import json

import pytest

from slipway_cli.commands.ask import events
from tests.fakes.management import FakeManagement, Script, Told
from tests.unit.cli.running import ENVIRONMENT, Terminal, last

PATH = "POST /v1/chat/completions"


def stream(*words: str, before: str = "", after: str = "data: [DONE]\n\n") -> Told:
    """An answer, a word at a time."""
    chunks = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n" for word in words)
    return Told(200, before + chunks + after, {"Content-Type": "text/event-stream"})


def asking(*answers: Script) -> Terminal:
    """A router that answers so."""
    return Terminal(FakeManagement({PATH: list(answers)}))


def test_words_are_printed_as_they_come() -> None:
    """And nothing else on standard output."""
    terminal = asking(stream("The capital ", "is Paris."))
    ended = terminal.run("ask", "parrot", "What", "is", "it?", "--system", "Be brief.", "--max-tokens", "9", "--temperature", "0")
    assert (ended.out, ended.code) == ("The capital is Paris.\n", 0)
    assert last(terminal).body == {
        "model": "parrot", "max_tokens": 9, "temperature": 0.0, "stream": True,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}],
    }  # fmt: skip


def test_the_applications_key_is_used_and_a_sleeping_model_is_waited_for() -> None:
    """The administrator's token has no business at the router."""
    terminal = asking(stream("x"))
    terminal.run("ask", "parrot", "hello", "--hold", "120")
    assert last(terminal).headers["authorization"] == f"Bearer {ENVIRONMENT['OPENAI_API_KEY']}"
    assert last(terminal).headers["prefer"] == "wait=120"


def test_progress_of_waking_is_told_by_the_way() -> None:
    """On standard error."""
    ended = asking(stream("Hello", before=": waking loading 40%\n\n:\n\n")).run("ask", "parrot", "hello")
    assert (ended.out, ended.err.strip()) == ("Hello\n", "waking loading 40%")


def test_a_question_is_read_from_a_pipe() -> None:
    """Without a question, or with a dash."""
    for words in ((), ("-",)):
        terminal = asking(stream("x"))
        terminal.run("ask", "parrot", *words, stdin="from a pipe\n")
        assert last(terminal).body["messages"] == [{"role": "user", "content": "from a pipe"}]


def test_no_question_is_a_usage_error() -> None:
    """Nothing is sent."""
    terminal = asking(stream("x"))
    assert (terminal.run("ask", "parrot").code, terminal.api.asked) == (2, [])


def test_a_whole_answer_as_json() -> None:
    """Programs get the completion as the router gave it."""
    document = {"choices": [{"message": {"content": "Hello"}}], "usage": {"total_tokens": 3}}
    terminal = asking(Told(200, document))
    ended = terminal.run("ask", "parrot", "hello", "--json")
    assert (json.loads(ended.out), last(terminal).body["stream"]) == (document, False)


def test_an_answer_without_streaming() -> None:
    """As text."""
    ended = asking(Told(200, {"choices": [{"message": {"content": "Hello"}}]})).run("ask", "parrot", "hello", "--no-stream")
    assert ended.out == "Hello\n"


def test_a_conversation_remembers_what_was_said() -> None:
    """An empty line ends it."""
    terminal = asking(stream("one"), stream("two"))
    terminal.agrees = True
    assert terminal.run("ask", "parrot", stdin="first\nsecond\n\n").code == 0
    assert [message["content"] for message in last(terminal).body["messages"]] == ["first", "one", "second"]


@pytest.mark.parametrize(("status", "code"), [(404, 3), (429, 3), (503, 5)])
def test_the_routers_refusal_is_told_like_every_other(status: int, code: int) -> None:
    """Code, sentence, and when to come back."""
    error = {"error": {"message": "The model was asleep.", "type": "server_error", "code": "model_asleep"}}
    ended = asking(Told(status, error, {"Retry-After": "42"})).run("ask", "parrot", "hello")
    assert ended.code == code
    for words in ("model_asleep", "The model was asleep.", "Ask again in 42 s."):
        assert words in ended.err


def test_an_answer_that_breaks_off_is_an_error() -> None:
    """What came is printed; the exit code says that it is not all."""
    broken = stream("Half", after='data: {"error": {"message": "the engine went away"}}\n\n')
    ended = asking(broken).run("ask", "parrot", "hello")
    assert (ended.out, ended.code) == ("Half\n", 5)
    assert "the engine went away" in ended.err


def test_a_stream_that_ends_without_its_end_is_an_error() -> None:
    """A connection that closed early is no answer."""
    ended = asking(stream("Half", after="")).run("ask", "parrot", "hello")
    assert (ended.out, ended.code) == ("Half\n", 5)


@pytest.mark.parametrize("words", [(), ("--no-stream",), ("--json",)])
@pytest.mark.parametrize("text", ["<html>", "data: <html>\n\n", '{"choices": []}', "[]"])
def test_something_else_at_the_address_is_recognised(words: tuple[str, ...], text: str) -> None:
    """Exit code 5, and no traceback."""
    assert asking(Told(200, text)).run("ask", "parrot", "hello", *words).code == 5


def test_what_is_no_event_is_passed_over() -> None:
    """Blank lines, event names, usage without choices."""
    lines = ["", "event: x", 'data: {"choices": []}', 'data: {"usage": {}}', 'data: {"choices": [{"delta": {}}]}', "data: [DONE]"]
    assert list(events(iter(lines))) == []
