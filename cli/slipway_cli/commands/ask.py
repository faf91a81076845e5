"""`slipway ask`: a question to a model, through the router, as any OpenAI client would ask it."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import typer
from rich.text import Text

from slipway_cli.client import unreachable
from slipway_cli.commands.arguments import ModelId
from slipway_cli.errors import RefusedError, UnreachableError, UsageError
from slipway_cli.output import clean
from slipway_cli.session import Session

SECONDS_FOR_A_WORD = 300  # a first token may take minutes
Question = Annotated[list[str] | None, typer.Argument(help="The question; - or nothing reads standard input.", show_default=False)]
Message = dict[str, str]


def ask(
    session: Session,
    model_id: ModelId,
    question: Question = None,
    system: Annotated[str | None, typer.Option("--system", "-s", help="What the model is told beforehand.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Tokens of the answer at most.", min=1)] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", help="0 is always alike, 2 is wild.", min=0, max=2)] = None,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Print words as they come.")] = True,
    hold: Annotated[int, typer.Option("--hold", help="Seconds to wait for a model that sleeps or starts.", min=0)] = 300,
) -> None:
    """Ask a model a question. Without a question at a terminal, it is a conversation: an empty line ends it."""
    settings = {"model": model_id, "max_tokens": max_tokens, "temperature": temperature, "stream": stream and session.output.for_people}
    body = {name: value for name, value in settings.items() if value is not None}
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    words = " ".join(question or [])
    with session.http("openai_base_url", session.token("openai_api_key", "API key of the router")) as http:
        http.headers["Prefer"], http.timeout = f"wait={hold}", httpx.Timeout(30, read=hold + SECONDS_FOR_A_WORD)
        if words in {"", "-"} and not (words == "" and session.tools.is_terminal()):
            words = sys.stdin.read().strip()
            if not words:
                raise UsageError("there is no question", 'Such as: slipway ask smollm2-135m "What is the capital of France?"')
        if words:
            _answer(session, http, body, [*messages, {"role": "user", "content": words}])
            return
        _converse(session, http, body, messages)


def _converse(session: Session, http: httpx.Client, body: dict[str, Any], messages: list[Message]) -> None:
    while True:
        try:
            words = input("> ").strip()
        except EOFError:
            return
        if not words:
            return
        messages.append({"role": "user", "content": words})
        messages.append({"role": "assistant", "content": _answer(session, http, body, messages)})


def _answer(session: Session, http: httpx.Client, body: dict[str, Any], messages: list[Message]) -> str:
    """Send one request and print its answer. Raises RefusedError, UnreachableError."""
    request = http.build_request("POST", "chat/completions", json=body | {"messages": messages})
    try:
        answer = http.send(request, stream=True)
        try:
            if not answer.is_success:
                raise _refusal(answer)
            if not body["stream"]:
                return _whole(session, answer)
            return _streamed(session, answer)
        finally:
            answer.close()
    except httpx.RequestError as error:
        raise UnreachableError(*unreachable(http, error)) from error


def _whole(session: Session, answer: httpx.Response) -> str:
    answer.read()
    try:
        document = json.loads(answer.content)
        content = str(document["choices"][0]["message"].get("content") or "")
    except (ValueError, LookupError, TypeError) as error:
        raise UnreachableError(f"{answer.url} did not answer as OpenAI does: is this the router?") from error
    if session.output.for_people:
        session.output.line(content)
    else:
        session.output.document(document, lambda _document: "")
    return content


def _streamed(session: Session, answer: httpx.Response) -> str:
    parts: list[str] = []
    for kind, text in events(answer.iter_lines()):
        if kind == "comment":
            session.output.note(text)
        elif kind == "text":
            parts.append(text)
            session.output.raw(clean(text) if session.output.out.is_terminal else text)
        else:
            session.output.raw("\n" if parts else "")
            raise RefusedError(502, {"code": "answer-cut-off", "detail": text})
    session.output.raw("\n")
    if not parts:
        session.output.note(Text("The model answered with nothing.", style="yellow"))
    return "".join(parts)


def events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Words, comments (progress of a model that wakes) and errors of a stream of server-sent events."""
    for line in lines:
        if line.startswith(":"):
            if comment := line[1:].strip():
                yield "comment", comment
            continue
        name, _, data = line.partition(":")
        if name != "data":
            continue
        if data.strip() == "[DONE]":
            return
        try:
            document = json.loads(data)
            words = [] if document.get("error") else [_word(choice) for choice in document.get("choices") or ()]
        except (ValueError, TypeError, AttributeError, RecursionError):  # no JSON, another shape, or nested without end
            yield "error", "the answer is not what OpenAI sends: is this the router?"
            return
        if error := document.get("error"):
            yield "error", str(error.get("message") if isinstance(error, dict) else error)
            return
        yield from (("text", word) for word in words if word)
    yield "error", "the answer broke off before its end"


def _word(choice: Any) -> str:
    """What a choice says: text that can be written. TypeError or AttributeError where it is of another shape."""
    content = (choice.get("delta") or {}).get("content") or ""
    if not isinstance(content, str):
        raise TypeError(content)
    return content.encode("utf-8", "replace").decode()  # half a surrogate, as JSON may spell it, has no bytes


def _refusal(answer: httpx.Response) -> RefusedError:
    """The router's error, which has OpenAI's form, as one of ours."""
    answer.read()
    try:
        error = json.loads(answer.content)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        error = {}
    if not isinstance(error, dict):
        error = {"message": str(error)}
    hint = f"Ask again in {answer.headers['Retry-After']} s." if answer.headers.get("Retry-After", "").isdecimal() else ""
    problem = {"code": error.get("code") or error.get("type"), "detail": error.get("message"), "hint": error.get("hint") or hint}
    return RefusedError(answer.status_code, problem, answer.headers.get("X-Request-Id", ""))
