"""What routers and engines are asked at which path: one table for the router, the engine's container and the check of a wish.

Standard library only. A model has one task; an endpoint answers for the models of its tasks, where the kind of engine behind them has it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

PROVIDER: Final = "provider"
"""The kind of what answers in an engine's stead: a third party."""

LOAD_HEADER: Final = "X-Slipway-In-Flight"
"""How many requests an engine has, this one included, in each of its answers: several routers send to it, and each sees its own alone."""

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
EMBEDDINGS: Final = "/v1/embeddings"
RESPONSES: Final = "/v1/responses"
MESSAGES: Final = "/v1/messages"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"
RERANK: Final = "/v1/rerank"
RERANK_2: Final = "/v2/rerank"
IMAGES: Final = "/v1/images/generations"
IMAGE_EDITS: Final = "/v1/images/edits"
TRANSCRIPTIONS: Final = "/v1/audio/transcriptions"
TRANSLATIONS: Final = "/v1/audio/translations"
SPEECH: Final = "/v1/audio/speech"
MODERATIONS: Final = "/v1/moderations"

_VLLM, _LLAMA, _MOCK = "vllm", "llama.cpp", "mock"
_ALL: Final = frozenset({_VLLM, _LLAMA, _MOCK, PROVIDER})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path that takes POST. `kinds`: the engines that have it; `form`: its body is multipart/form-data; `streams`: it knows `stream`."""

    path: str
    tasks: frozenset[str]
    kinds: frozenset[str] = _ALL
    form: bool = False
    streams: bool = False
    dialect: Literal["openai", "anthropic"] = "openai"


def _task(*names: str) -> frozenset[str]:
    return frozenset(names)


_CATALOGUE: Final = (
    Endpoint(CHAT, _task("chat"), streams=True),
    Endpoint(COMPLETIONS, _task("chat", "completion"), streams=True),
    Endpoint(RESPONSES, _task("chat"), streams=True),
    Endpoint(MESSAGES, _task("chat"), streams=True, dialect="anthropic"),
    Endpoint(COUNT_TOKENS, _task("chat"), _ALL - {PROVIDER}, dialect="anthropic"),
    Endpoint(EMBEDDINGS, _task("embedding")),
    Endpoint(RERANK, _task("rerank")),
    Endpoint(RERANK_2, _task("rerank"), _ALL - {_LLAMA}),
    Endpoint(IMAGES, _task("image"), _ALL - {_VLLM, _LLAMA}),
    Endpoint(IMAGE_EDITS, _task("image"), _ALL - {_VLLM, _LLAMA}, form=True),
    Endpoint(TRANSCRIPTIONS, _task("transcription"), _ALL - {_LLAMA}, form=True, streams=True),
    Endpoint(TRANSLATIONS, _task("transcription"), frozenset({_VLLM, _MOCK}), form=True),
    Endpoint(SPEECH, _task("speech"), _ALL - {_VLLM, _LLAMA}),
    Endpoint(MODERATIONS, _task("moderation"), _ALL - {_VLLM, _LLAMA}),
)

ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType({endpoint.path: endpoint for endpoint in _CATALOGUE})
"""Every endpoint by its path."""


def endpoints_of(task: str, kind: str | None = None) -> frozenset[str]:
    """The paths at which a model of this task answers behind an engine of this kind; None: of some kind."""
    return frozenset(each.path for each in _CATALOGUE if task in each.tasks and (kind is None or kind in each.kinds))


def kinds_for(task: str) -> frozenset[str]:
    """The kinds of engine that do the task."""
    return ENDPOINTS[_QUESTIONS[task][0]].kinds


_SILENCE: Final = (
    b"RIFF\xa4\x0c\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00\x02\x00\x10\x00data\x80\x0c\x00\x00"
)
_SILENCE_BYTES: Final = 3200
"""A tenth of a second of silence: 16,000 samples a second, of 16 bits."""
_BOUNDARY: Final = "slipway-question"
_HELLO: Final = "Hello"
_QUESTIONS: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "chat": (CHAT, {"messages": [{"role": "user", "content": _HELLO}], "max_tokens": 1}),
    "completion": (COMPLETIONS, {"prompt": _HELLO, "max_tokens": 1}),
    "embedding": (EMBEDDINGS, {"input": _HELLO}),
    "rerank": (RERANK, {"query": _HELLO, "documents": [_HELLO, "Goodbye"]}),
    "image": (IMAGES, {"prompt": "A dot", "n": 1}),
    "transcription": (TRANSCRIPTIONS, {}),
    "speech": (SPEECH, {"input": _HELLO, "voice": "alloy"}),
    "moderation": (MODERATIONS, {"input": _HELLO}),
}
_ANSWERS: Final = ("choices", "data", "results", "text")


@dataclass(frozen=True, slots=True)
class Question:
    """The smallest real request for a model of some task, which shows that it answers. `fields`: its body, without the model."""

    path: str
    fields: Mapping[str, object]

    def encoded(self, model_id: str) -> tuple[str, bytes]:
        """Content type and body of the request for this model."""
        if not ENDPOINTS[self.path].form:
            return "application/json", json.dumps({"model": model_id, **self.fields}).encode()
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model_id}\r\n--{_BOUNDARY}\r\n'
        head += 'Content-Disposition: form-data; name="file"; filename="silence.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        return f"multipart/form-data; boundary={_BOUNDARY}", head.encode() + silence() + f"\r\n--{_BOUNDARY}--\r\n".encode()

    def is_answered_by(self, body: bytes) -> bool:
        """Whether a body that came with 200 holds what was asked for; ValueError if it should be JSON and is not."""
        if self.path == SPEECH:
            return bool(body)
        try:
            document = json.loads(body)
        except RecursionError as error:
            raise ValueError("nested without end") from error
        if not isinstance(document, dict):
            return False
        return any(document.get(name) for name in _ANSWERS) or (self.path == TRANSCRIPTIONS and document.get("text") == "")


def question_for(task: str) -> Question:
    """What a model of this task is asked first."""
    return Question(*_QUESTIONS[task])


def silence() -> bytes:
    """A short recording of nothing (WAV)."""
    return _SILENCE + bytes(_SILENCE_BYTES)
