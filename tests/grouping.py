"""Which tests are one worker's: those that share a platform, an emulator or a router.

pytest-xdist 3.8 marks groups in the names of tests, which pytest 9.2 does not let it change any more (pytest-dev/pytest-xdist#1386):
its own `xdist_group` then does nothing at all, silently. So groups are told by the folder here.
"""

from typing import Final

from xdist.scheduler import LoadGroupScheduling

GROUPS: Final = {
    "tests/emulator/conformance/": "an emulator",
    "tests/emulator/faults/": "a platform that suffers",
    "tests/emulator/history/": "a platform that suffers",
    "tests/emulator/kills/": "a platform that suffers",
    "tests/emulator/load/": "a platform that suffers",
    "tests/emulator/privilege/test_denials.py": "a second platform",
    "tests/emulator/": "a platform",
    "tests/e2e/test_clocks.py": "a second platform",
    "tests/e2e/test_lifecycle.py::test_an_update_that_fails": "a platform",
    "tests/e2e/test_lifecycle.py": "a second platform",
    "tests/e2e/test_restart.py": "a second platform",
    "tests/e2e/": "a platform",
    "tests/clients/": "a router with engines",
}
"""By the beginning of a test's name; the first that fits counts. On the second platform runs what takes minutes and uses nothing that
others do not: what roles have used is counted on the first (`test_used_and_granted.py`)."""


def group_of(nodeid: str) -> str:
    """The group of a test, or the test's own name for none."""
    return next((group for beginning, group in GROUPS.items() if nodeid.startswith(beginning)), nodeid)


class Grouped(LoadGroupScheduling):  # type: ignore[misc]  # untyped there
    """Hands groups to workers as they are, and all other tests one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
