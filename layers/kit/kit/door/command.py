"""Commands over HTTP: what exactly is asked, and the answer to one that was accepted."""

from collections.abc import Mapping
from typing import Any

from kit.caller import Command, command
from kit.door.http import Answer, Request


def asked(request: Request, do: str, **what: Any) -> Command:
    """The command in a request. `do` is the route; `what` all that makes it this command: path parameters, generation, body (JSON types).

    Refused where a dry run was asked for: who has a plan of it answers that before.
    """
    return command(request.caller.subject, request.idempotency_key, {"do": do, **what})


def accepted(answer: Mapping[str, Any], *, tagged: bool = True) -> Answer:
    """202: `body` with the link to the operation that carries it out; `tagged`, with the thing's new `generation` as ETag."""
    headers = {"location": answer["body"]["links"]["operation"]}
    if tagged:
        headers["etag"] = f'"{answer["generation"]}"'
    return Answer(202, answer["body"], headers)
