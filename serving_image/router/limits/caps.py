"""The most tokens that an answer may have, said in the request where the request does not say it itself."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from contracts.inference import COUNT_TOKENS, RESPONSES
from router.limits.estimate import WRITING, most_tokens

_FIELDS: Final = {RESPONSES: "max_output_tokens"}
_USUAL: Final = "max_tokens"


def capped(
    document: dict[str, Any], body: bytes, cap: int, *, path: str, task: str, defaults: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """The request with the cap in it, or with the model's own default where that is less; as it came where it says how many it wants, and
    for models that do not write."""
    if task not in WRITING or path == COUNT_TOKENS or most_tokens(document) is not None:
        return document, body
    default = defaults.get(_USUAL)
    most = min(cap, default) if isinstance(default, int) else cap
    document = document | {_FIELDS.get(path, _USUAL): most}
    return document, orjson.dumps(document)
