"""What the mock engine has been asked, whichever API it came by, and what it answers. A token is a word, or eight characters of JSON."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.programs.mocked.schemas import dumped

_TEXT: Final = "This is the mock engine speaking . It has no model and no opinion , yet it counts its words ."
_WORDS: Final = tuple(_TEXT.split(" "))
_THOUGHTS: Final = ("Let", "me", "think", ".")
_DEFAULT_TOKENS: Final = 16
_CHARACTERS: Final = 8

Events = Iterator[tuple[bytes, bool]]
"""Events with whether each is a token of the answer, for which the engine takes its time."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is offered, and the schema of its arguments."""

    name: str
    schema: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `texts`: what was said, in order, the last one new; `choice`: auto, none, required, or a tool's name; `answered`: the last
    word is a tool's."""

    texts: tuple[str, ...]
    most: int | None = None
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    answered: bool = False
    parallel: bool = False
    schema: Any = None
    thinks: bool = False
    choices: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. `cached` are of the prompt, `reasoning` of the completion."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Of prompt and completion."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that is called: its arguments as tokens of JSON."""

    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments as JSON."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `pieces` of text or `calls`. `cut`: there was more to say; `number`: of the request, for ids."""

    number: int
    model: str
    pieces: tuple[str, ...]
    usage: Usage
    calls: tuple[Call, ...] = ()
    thoughts: tuple[str, ...] = ()
    cut: bool = False
    choices: int = 1
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text as one."""
        return "".join(self.pieces).rstrip(" ")


def words_in(texts: Iterable[str]) -> int:
    """How many tokens they are."""
    return sum(len(text.split()) for text in texts)


def reply_to(ask: Ask, number: int, model: str, asked: Mapping[str, Any]) -> Reply:
    """The answer, which is the same for the same request."""
    calls = _calls(ask)
    thoughts = _THOUGHTS if ask.thinks else ()
    pieces: tuple[str, ...] = ()
    cut = False
    if ask.schema is not None and not calls:
        pieces = _cut_up(dumped(ask.schema))
    elif not calls:
        wanted = _DEFAULT_TOKENS if ask.most is None else max(1, ask.most - len(thoughts))
        pieces, cut = tuple(f"{word} " for word in itertools.islice(itertools.cycle(_WORDS), wanted)), True
    completion = (len(pieces) + sum(len(call.pieces) for call in calls) + len(thoughts)) * ask.choices
    usage = Usage(words_in(ask.texts), completion, words_in(ask.texts[:-1]), len(thoughts) * ask.choices)
    return Reply(number, model, pieces, usage, calls, thoughts, cut, ask.choices, asked)


def _calls(ask: Ask) -> tuple[Call, ...]:
    forced = ask.choice not in {"auto", "none"}
    if not ask.tools or ask.choice == "none" or (ask.answered and not forced):
        return ()
    named = [tool for tool in ask.tools if tool.name == ask.choice]
    chosen = named or (list(ask.tools) if ask.parallel else [ask.tools[0]])
    return tuple(Call(tool.name, _cut_up(dumped(tool.schema or {"type": "object"}))) for tool in chosen)


def _cut_up(text: str) -> tuple[str, ...]:
    return tuple(text[at : at + _CHARACTERS] for at in range(0, len(text), _CHARACTERS))


def texts_of(content: Any) -> str:
    """The words of a content: a text, or the texts of its parts; pictures and sounds count as one word each."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(texts_of(part) for part in content)
    if isinstance(content, dict):
        inner = next((content[name] for name in ("text", "content", "output", "thinking") if content.get(name)), None)
        return "[part]" if inner is None else texts_of(inner)
    return ""


def choice_of(given: Any) -> str:
    """A tool choice of any API as one word: `any` is Anthropic's for required."""
    if isinstance(given, dict):
        inner = given.get("function")
        name = inner.get("name") if isinstance(inner, dict) else given.get("name")
        given = name or given.get("type")
    return {"any": "required", None: "auto"}.get(given, str(given))


def event(document: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"
