"""What roles have done and been refused, kept in a file: one JSON document a line for each new thing, for whoever narrows a policy.

    {"role", "session", "action", "resource", "sid", "decision"}

`sid` names the statement that allowed (or denied) it, `decision` is Allow, Deny or ImplicitDeny. Names that come once, ids of all kinds,
are written as `*`, so that the file grows with what roles do and not with how often.
"""

import json
import logging
import re
import threading
from pathlib import Path

log = logging.getLogger("slipway.role_use")
ONCE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{32}")
LIMIT = 20_000


class RoleUse:
    """Notes each thing once; takes up a file that is there already, so that a restart repeats nothing."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._seen = set(path.read_text().splitlines()) if path.exists() else set()

    def note(self, principal: str, action: str, resource: str, sid: str, decision: str) -> None:
        """`principal` is the ARN of a role's session; nothing is noted of others. A disk that takes none costs the line and no more."""
        _, _, name = principal.partition(":assumed-role/")
        if not name:
            return
        role, _, session = name.partition("/")
        said = {"role": role, "session": ONCE.sub("*", session), "action": action, "resource": ONCE.sub("*", resource)}
        line = json.dumps(said | {"sid": sid, "decision": decision})
        with self._lock:
            if line in self._seen or len(self._seen) >= LIMIT:
                return
            self._seen.add(line)
            try:
                with self._path.open("a") as file:
                    file.write(line + "\n")
            except OSError as error:
                log.warning("a use of a role was not kept: %s", error)
