"""What contents may hold, whichever API they came by: text, and pictures and sound that are sent along; never an address to fetch."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from contracts.model import Features
from router.errors import ApiError, bad_request

_TEXT_FIELDS: Final = frozenset({"type", "text", "refusal", "cache_control", "annotations", "logprobs"})
_IMAGE_FIELDS: Final = frozenset({"type", "image_url", "detail", "cache_control"})
_AUDIO_FIELDS: Final = frozenset({"type", "input_audio", "cache_control"})
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "text": _TEXT_FIELDS,
    "input_text": _TEXT_FIELDS,
    "output_text": _TEXT_FIELDS,
    "refusal": _TEXT_FIELDS,
    "image_url": _IMAGE_FIELDS,
    "input_image": _IMAGE_FIELDS,
    "input_audio": _AUDIO_FIELDS,
}
"""What parts of a message may hold. Engines look for addresses to fetch under many names, some whatever the part's type says."""
_LONGEST_FORMAT: Final = 8


def refused(what: str, place: str) -> ApiError:
    """400 for a content that no model of ours is given."""
    return bad_request("input_not_supported", what, place)


def check_content(content: Any, place: str, features: Features, model: str) -> None:
    """Refuse (ApiError 400) contents in OpenAI's form that hold anything but text, or pictures and sound where the model takes them."""
    if isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                _check_part(part, place, features, model)
    elif isinstance(content, dict):
        raise refused("`content` takes a text or a list of parts.", place)


def _check_part(part: Mapping[str, Any], place: str, features: Features, model: str) -> None:
    kind = part.get("type", "text")
    allowed = _FIELDS.get(kind) if isinstance(kind, str) else None
    if allowed is None:
        raise refused(f"`{model}` does not take content of this type.", place)
    if allowed is _IMAGE_FIELDS and not features.image_input:
        raise images_refused(model, place)
    if allowed is _AUDIO_FIELDS and not features.audio_input:
        raise bad_request("audio_not_supported", f"`{model}` does not take sound.", place)
    if part.keys() - allowed:
        raise refused(f"A part of type {kind} does not take all of these fields.", place)
    if allowed is _IMAGE_FIELDS:
        check_image(part.get("image_url"), place)
    elif allowed is _AUDIO_FIELDS:
        _check_audio(part.get("input_audio"), place)


def images_refused(model: str, place: str) -> ApiError:
    """400 for a picture sent to a model that sees none."""
    return bad_request("images_not_supported", f"`{model}` does not take images.", place)


def check_image(image: Any, place: str) -> None:
    """Inline or not at all: whoever fetched an address would do so from inside."""
    address = image.get("url") if isinstance(image, dict) else image
    if not (isinstance(address, str) and address.startswith("data:image/")):
        raise bad_request("image_url_not_allowed", "Send images inline as data:image/…; addresses are not fetched.", place)


def _check_audio(audio: Any, place: str) -> None:
    """Engines make an address of format and data; neither may change what kind of address that is."""
    if isinstance(audio, dict) and audio.keys() == {"data", "format"}:
        data, form = audio["data"], audio["format"]
        if isinstance(data, str) and ":" not in data and isinstance(form, str) and form.isalnum() and len(form) <= _LONGEST_FORMAT:
            return
    raise bad_request("audio_not_allowed", "Send sound inline, as `data` in base64 and its `format`; addresses are not fetched.", place)


def only(document: Mapping[str, Any], allowed: Collection[str], model: str) -> None:
    """Refuse (ApiError 400) fields that the endpoint does not know, by name."""
    unknown = document.keys() - allowed
    if unknown:
        name = min(unknown)[:64]
        raise bad_request("unknown_field", f"`{name}` is not a field of this request for `{model}`.", name)


def text(document: Mapping[str, Any], name: str, *, required: bool = False) -> None:
    """Refuse (ApiError 400) a field that is no text."""
    value = document.get(name)
    if value is None and not required:
        return
    if not isinstance(value, str):
        raise bad_request("invalid_type", f"`{name}` must be a text.", name)


def whole(document: Mapping[str, Any], name: str, most: int) -> None:
    """Refuse (ApiError 400) a field that is no whole number from 1 to `most`; forms send digits."""
    value = document.get(name)
    if value is None:
        return
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise bad_request("invalid_value", f"`{name}` must be a whole number from 1 to {most}.", name)
