"""What comes from routers and engines as text without end: streams in the command line, answers and metrics in the supervisor."""

import json

from hypothesis import strategies as st

from contracts.inference import question_for
from engine import metrics, upstream
from engine.errors import EngineError
from slipway_cli.commands import ask
from tests.borders.fuzz.inputs import JSON, anything, fuzz, only

_PIECE = b'{"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": null}]}'
_KINDS = {"comment", "text", "error"}


def _lines(piece: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[str]]:
    """Lines of a stream: events with such data, comments, fields of other names, and anything."""
    data = piece.map(lambda content: "data: " + content.decode("latin-1").replace("\n", " "))
    other = st.sampled_from(["", ": waking instance", ":", "event: x", "data:", "data: [DONE]", "data:[DONE] ", "retry: 1", "data"])
    return st.lists(data | other | st.text(max_size=30), max_size=6)


def test_streams_in_the_command_line() -> None:
    """Words that can be written, comments, and at most one error, which is the last; a stream that ends before its end is told of."""
    deep = st.sampled_from([b"[" * 100_000, b'{"choices":' + b"[" * 100_000, b"1", b"null", b'{"choices": [null]}', b'{"choices": 1}'])
    half = st.just(b'{"choices": [{"delta": {"content": "\\ud800"}}]}')
    shaped = JSON.map(lambda found: json.dumps({"choices": [{"delta": {"content": found}}]}).encode())

    def one(lines: list[str]) -> None:
        told = list(ask.events(iter(lines)))
        kinds = [kind for kind, _ in told]
        assert set(kinds) <= _KINDS
        assert "error" not in kinds[:-1]
        assert all(isinstance(text, str) for _, text in told)
        "".join(text for kind, text in told if kind == "text").encode()  # half a character cannot be written
        done = any(line.partition(":")[0] == "data" and line.partition(":")[2].strip() == "[DONE]" for line in lines)
        assert done or kinds[-1:] == ["error"], "it broke off, and nobody was told"

    fuzz("stream", _lines(anything(_PIECE) | deep | half | shaped), one)


def test_first_answers_of_engines() -> None:
    """A completion, a busy engine, or an engine whose answers are worth nothing: never anything else."""
    deep = st.sampled_from([b"[" * 100_000, b'{"choices":' + b"[" * 100_000, b"[]", b"null", b"{}", b'{"choices": []}'])
    good = anything(b'{"choices": [{"index": 0, "message": {"content": "Y"}}]}') | JSON.map(lambda found: json.dumps(found).encode())

    def one(answer: tuple[int, bytes]) -> None:
        only((EngineError, upstream.ProbeMissedError), lambda: upstream._check_answer(question_for("chat"), *answer))

    fuzz("engine answer", st.tuples(st.sampled_from([200, 200, 400, 429, 500, 503]), good | deep), one)


def test_metrics_of_engines() -> None:
    """Any text is samples, whose values are numbers, and lines that are none."""
    good = b'# HELP x y\nvllm:num_requests_running{model_name="m",engine="0"} 3.0\nx_total 1e400\nx_total NaN\n'

    def one(text: str) -> None:
        for name in {sample.name for sample in metrics.read_samples(text)}:
            assert isinstance(metrics.total(text, name), float)

    fuzz("engine metrics", st.text(max_size=80) | anything(good).map(lambda content: content.decode("latin-1")), one)
