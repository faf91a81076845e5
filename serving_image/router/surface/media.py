"""What may be asked of models that embed, rank, draw, hear, speak and judge: their fields, each known by name."""

from collections.abc import Mapping
from typing import Any, Final

from contracts.model import Features
from router.errors import bad_request
from router.surface.chats import check_chat
from router.surface.forms import Upload
from router.surface.parts import check_content, only, refused, text, whole

_PICTURE: Final = frozenset(
    {"model", "prompt", "n", "size", "quality", "response_format", "style", "user", "background", "moderation", "output_format",
     "output_compression", "stream"}
)  # fmt: skip
_EDIT: Final = _PICTURE - {"style", "moderation"} | {"image", "image[]", "mask", "input_fidelity"}
_TRANSLATION: Final = frozenset({"file", "model", "prompt", "response_format", "temperature"})
_TRANSCRIPTION: Final = _TRANSLATION | {"language", "timestamp_granularities[]", "include[]", "stream", "chunking_strategy"}
_SPEECH: Final = frozenset({"model", "input", "voice", "instructions", "response_format", "speed", "stream_format"})
_MODERATION: Final = frozenset({"model", "input"})
_RERANK: Final = frozenset(
    {"model", "query", "documents", "top_n", "return_documents", "max_tokens_per_doc", "max_chunks_per_doc", "rank_fields",
     "truncate_prompt_tokens", "user"}
)  # fmt: skip
_MOST_PICTURES: Final = 10
_MOST_DOCUMENTS: Final = 10_000


def check_embedding(document: Mapping[str, Any], features: Features, model: str) -> None:
    """Text or tokens, as OpenAI's API takes them; some engines would fetch what an object names."""
    given = document.get("input")
    if given is not None and any(isinstance(one, dict) for one in (given if isinstance(given, list) else [given])):
        raise refused("`input` takes text or tokens.", "input")
    check_chat(document, features, model)  # some engines embed conversations


def check_rerank(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """A text and texts; some engines would fetch what an object other than `{"text": …}` names."""
    only(document, _RERANK, model)
    text(document, "query", required=True)
    documents = document.get("documents")
    if not isinstance(documents, list) or not documents:
        raise bad_request("invalid_type", "`documents` must be a list of texts.", "documents")
    for place, one in enumerate(documents):
        if not isinstance(one, str) and not (isinstance(one, dict) and one.keys() == {"text"} and isinstance(one["text"], str)):
            raise refused("A document is a text.", f"documents[{place}]")
    whole(document, "top_n", _MOST_DOCUMENTS)


def check_picture(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """A picture is described in words."""
    only(document, _PICTURE, model)
    text(document, "prompt", required=True)
    whole(document, "n", _MOST_PICTURES)


def check_edit(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """Pictures to be changed come with the request."""
    only(document, _EDIT, model)
    text(document, "prompt", required=True)
    whole(document, "n", _MOST_PICTURES)
    pictures = [document[name] for name in ("image", "image[]", "mask") if name in document]
    for one in [one for each in pictures for one in (each if isinstance(each, list) else [each])]:
        if not isinstance(one, Upload):
            raise bad_request("image_url_not_allowed", "Send images as files of the form; addresses are not fetched.", "image")
    if "image" not in document and "image[]" not in document:
        raise bad_request("file_missing", "`image` must be a file.", "image")


def check_transcription(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """A recording comes with the request."""
    only(document, _TRANSCRIPTION, model)
    _check_recording(document)


def check_translation(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """A recording comes with the request."""
    only(document, _TRANSLATION, model)
    _check_recording(document)


def _check_recording(document: Mapping[str, Any]) -> None:
    if not isinstance(document.get("file"), Upload):
        raise bad_request("file_missing", "`file` must be one file of the form.", "file")
    for name in ("prompt", "language", "response_format", "temperature", "chunking_strategy"):
        text(document, name)


def check_speech(document: Mapping[str, Any], _features: Features, model: str) -> None:
    """A text and the name of a voice; some engines would fetch a voice from an address."""
    only(document, _SPEECH, model)
    text(document, "input", required=True)
    text(document, "voice", required=True)
    if "/" in document["voice"] or ":" in document["voice"]:
        raise bad_request("voice_not_allowed", "`voice` is the name of a voice; addresses are not fetched.", "voice")


def check_moderation(document: Mapping[str, Any], features: Features, model: str) -> None:
    """Texts, or parts with pictures that are sent along."""
    only(document, _MODERATION, model)
    check_content(document.get("input"), "input", features, model)
