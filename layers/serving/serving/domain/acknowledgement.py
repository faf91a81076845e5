"""The acknowledgement of an interruption: bound to one model, one generation and one change, so that it can never be meant for another."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def token(model_id: str, generation: int, changes: Mapping[str, Any]) -> str:
    """What has to be sent back to have `changes` (the merge patch) carried out on that generation. No secret: a receipt."""
    text = json.dumps([model_id, generation, changes], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "ack_" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:40]
