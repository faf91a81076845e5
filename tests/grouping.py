"""Which tests are one worker's: those that share a platform, an emulator or a router. And what waits until all others have ended.

pytest-xdist 3.8 marks groups in the names of tests, which pytest 9.2 does not let it change any more (pytest-dev/pytest-xdist#1386):
its own `xdist_group` then does nothing at all, silently. So groups are told by the folder here.
"""

from typing import TYPE_CHECKING, Final

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ACCOUNT: Final = "tests/emulator/privilege/test_used_and_granted.py"
AFTERWARDS: Final = "what all platforms have used"
SUFFERING: Final = "a platform that suffers"
PLATFORMS: Final = frozenset({"a platform", "a second platform", "a third platform"})
"""What roles have used is counted on these, and added up afterwards; so no platform may have suffered before it is one of them."""
GROUPS: Final = {
    ACCOUNT: AFTERWARDS,
    "tests/emulator/conformance/": "an emulator",
    "tests/emulator/faults/": SUFFERING,
    "tests/emulator/history/": SUFFERING,
    "tests/emulator/kills/": SUFFERING,
    "tests/emulator/load/": SUFFERING,
    "tests/emulator/privilege/test_denials.py": "a second platform",
    "tests/emulator/privilege/test_rare_waits.py": "a second platform",
    "tests/emulator/": "a third platform",
    "tests/e2e/test_clocks.py": "a second platform",
    "tests/e2e/test_lifecycle.py": "a second platform",
    "tests/e2e/test_restart.py": "a second platform",
    "tests/e2e/": "a platform",
    "tests/clients/": "a router with engines",
}
"""By the beginning of a test's name; the first that fits counts. Three workers take about the same time: the emulator's is the first to be
free, and starts the third platform."""
FILES: Final = (
    "tests/borders/api/",
    "tests/borders/authorisation/",
    "tests/borders/canaries/test_data_plane.py",
    "tests/functional/router/",
)
"""Where the tests of a file share what is costly to bring up: each file is one worker's, or every worker would bring it up."""


def group_of(nodeid: str) -> str:
    """The group of a test: that of its folder, its file, or the test's own name for none."""
    own = nodeid.partition("::")[0] if nodeid.startswith(FILES) else nodeid
    return next((group for beginning, group in GROUPS.items() if nodeid.startswith(beginning)), own)


class Grouped(LoadGroupScheduling):  # type: ignore[misc]  # untyped there
    """Hands groups to workers as they are, and all other tests one by one; what comes afterwards when all other workers have ended.

    A worker begins its last test only when it hears what comes next or that nothing does. So whoever has nothing left is sent home, but for
    one, who waits with the last test for the others and then takes what comes afterwards.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def mark_test_complete(self, node: "WorkerController", item_index: int, duration: float = 0) -> None:
        """And somebody may have waited for it."""
        super().mark_test_complete(node, item_index, duration)
        if self._only_afterwards():
            for other in self.nodes:
                self._reschedule(other)

    def _reschedule(self, node: "WorkerController") -> None:
        if node.shutting_down or not self._only_afterwards():
            super()._reschedule(node)
        elif not self._others_work(node):
            super()._assign_work_unit(node)
        elif self._pending_of(self.assigned_work[node]) <= 1 and any(not other.shutting_down for other in self.nodes if other is not node):
            node.shutdown()

    def _assign_work_unit(self, node: "WorkerController") -> None:
        for late in (SUFFERING, AFTERWARDS):
            if late in self.workqueue:
                self.workqueue.move_to_end(late)
        if not (self._only_afterwards() and self._others_work(node)):
            super()._assign_work_unit(node)

    def _only_afterwards(self) -> bool:
        return list(self.workqueue) == [AFTERWARDS]

    def _others_work(self, node: "WorkerController") -> bool:
        return any(self._pending_of(work) for other, work in self.assigned_work.items() if other is not node)
