"""A service's state, as it goes into a file, is what the service has and not a copy of it.

Stock: a deep copy of all rows, messages and executions, object by object, for whoever writes it down later. Whoever writes it down here
turns it into text before anything else can happen (`checkpoints`), or is the shutdown; the copy took twice as long as the text.
"""

import importlib
import inspect
import re
from typing import Any

from ministack import app

from local.emulator.patches.checkpoints import LIVELY
from local.emulator.pin import rewrite

COPIED = re.compile(r"[^\s(]+ copy\.deepcopy\(")


def apply() -> None:
    """Take the copies out of what is written every two seconds. The others' are taken with a deployment, and some change their copy."""
    for name in LIVELY:
        module: Any = importlib.import_module(f"ministack.services.{app._state_map[name]}")
        module._slipway_uncopied = uncopied
        copies = COPIED.findall(inspect.getsource(module.get_state))
        rewrite(module, "get_state", *((copy, copy.replace("copy.deepcopy", "_slipway_uncopied")) for copy in copies))


def uncopied(state: Any) -> Any:
    """The state itself; a plain dictionary is copied flat, for tasks take names out of theirs that shall not be written."""
    return dict(state) if type(state) is dict else state
