"""How tests are handed to workers: groups stay together, and what comes afterwards begins when every other worker has ended."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.grouping import ACCOUNT, AFTERWARDS, PLATFORMS, SUFFERING, Grouped, group_of

GROUPS = (
    "tests/emulator/conformance/x.py",
    "tests/emulator/kills/x.py",
    "tests/emulator/privilege/x.py",
    "tests/e2e/test_clocks.py",
    "tests/e2e/x.py",
    "tests/x.py",
)


class Worker:
    """As pytest-xdist's: it begins a test when it knows the next one, or that there is none."""

    def __init__(self) -> None:
        self.queue: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id=id(self))

    def send_runtest_some(self, indices: list[int]) -> None:
        """More to do."""
        assert not self.shutting_down
        self.queue += indices

    def shutdown(self) -> None:
        """Nothing more to do."""
        self.shutting_down = True

    @property
    def begins(self) -> bool:
        """Whether it can begin its next test."""
        return len(self.queue) > 1 or (bool(self.queue) and self.shutting_down)


def collected(dice: random.Random) -> list[str]:
    """Some tests of some groups, and two that come afterwards."""
    tests = [f"{name}::test_{number}" for name in GROUPS for number in range(dice.choice([0, 1, 2, 5, 9]))]
    return [*tests, f"{ACCOUNT}::test_one", f"{ACCOUNT}::test_two"]


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(40))
def test_what_comes_afterwards_begins_when_all_others_have_ended(workers: int, seed: int) -> None:
    """However long tests take: each runs once, a group on one worker, and what is counted on a platform before it suffers."""
    dice, config = (
        random.Random(seed),
        SimpleNamespace(option=SimpleNamespace(loadscopereorder=True), getvalue=lambda _: [f"{workers}*popen"]),
    )
    tests, nodes, ran = collected(dice), [Worker() for _ in range(workers)], list[str]()
    where: dict[str, set[int]] = {}
    suffered: set[int] = set()
    scheduler: Any = Grouped(config, None)
    for node in nodes:
        scheduler.add_node(node)
    for node in nodes:
        scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    while not scheduler.tests_finished or any(node.queue for node in nodes):
        if scheduler.tests_finished:
            for node in scheduler.nodes:
                node.shutdown()
        node = dice.choice([node for node in nodes if node.begins])
        index = node.queue.pop(0)
        if group_of(tests[index]) == AFTERWARDS:
            assert [other.queue for other in nodes if other is not node] == [[]] * (workers - 1)
            assert {test for test in tests if group_of(test) != AFTERWARDS} <= set(ran)
        assert group_of(tests[index]) not in PLATFORMS or id(node) not in suffered
        suffered |= {id(node)} if group_of(tests[index]) == SUFFERING else set()
        ran.append(tests[index])
        where.setdefault(group_of(tests[index]), set()).add(id(node))
        scheduler.mark_test_complete(node, index)
        if node.shutting_down and not node.queue:
            scheduler.remove_node(node)
    assert sorted(ran) == sorted(tests)
    assert all(len(on) == 1 for on in where.values())
