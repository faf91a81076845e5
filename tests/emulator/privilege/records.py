"""What each platform of a run leaves behind, so that what its roles were granted and have used can be told when it is gone.

One folder a platform, in the worker's own temporary folder: the roles, and which tests have used the platform, each with how many lines
the file of uses had then.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.e2e.platform import Platform
from tests.emulator.privilege.grants import Grant, Role, Use, deployed, used

SUFFIX = ".record"


@dataclass(frozen=True)
class Record:
    """Of one platform: its roles, what they did for the tests that count, and the names of all tests that used it."""

    roles: list[Role]
    uses: list[Use]
    tests: frozenset[str]

    def places(self) -> list[Grant]:
        """Every grant in the template's order: the same is at the same place on every platform, whatever its resources are called there."""
        return [grant for role in self.roles for grant in role.grants()]


class Recorder:
    """Writes the record of a platform that has just started."""

    def __init__(self, platform: Platform) -> None:
        self._uses = platform.settings.role_use
        self._folder = platform.home.with_name(platform.home.name + SUFFIX)
        self._folder.mkdir()
        where = {"uses": str(self._uses), "roles": [asdict(role) for role in deployed(platform)]}
        (self._folder / "roles.json").write_text(json.dumps(where))

    def note(self, test: str) -> None:
        """The test has used the platform."""
        line = {"test": test, "uses": len(self._uses.read_text().splitlines())}
        with (self._folder / "tests.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def records(workers: Iterable[Path], counted: Collection[str]) -> list[Record]:
    """Those in these temporary folders of platforms that a test of `counted` has used; what was done afterwards is left out."""
    found = (_read(folder, counted) for worker in workers for folder in sorted(worker.glob(f"*{SUFFIX}")))
    return [record for record in found if record.tests.intersection(counted)]


def _read(folder: Path, counted: Collection[str]) -> Record:
    about, listed = json.loads((folder / "roles.json").read_text()), folder / "tests.jsonl"
    tests: list[dict[str, Any]] = [json.loads(line) for line in listed.read_text().splitlines()] if listed.exists() else []
    roles = [Role(role["logical_id"], role["name"], tuple(role["statements"]), tuple(role["managed"])) for role in about["roles"]]
    lines = max((test["uses"] for test in tests if test["test"] in counted), default=0)
    return Record(roles, used(Path(about["uses"]), roles, lines), frozenset(test["test"] for test in tests))
