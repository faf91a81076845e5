"""Every role has what it uses, and hardly anything else. Runs when all platforms have ended, and adds up what was used on each."""

import fnmatch
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulator.privilege.grants import NEGATIVE, Grant
from tests.emulator.privilege.records import Record, records
from tests.evidence import counted
from tests.grouping import PLATFORMS, group_of

UNUSED = Path(__file__).with_name("unused.yaml")
FLOOR = 0.9
"""What the end-to-end tests and the rare paths use on their platforms; what they leave is AWS's own to use, and `unused.yaml` says why."""
WHOLE = Path(__file__).parents[2] / "e2e"


class Account:
    """Grants and uses of all platforms, and which of the grants were never used on any. Grants are called as on the first platform."""

    def __init__(self, platforms: list[Record]) -> None:
        self.roles = platforms[0].roles
        self.uses = [use for platform in platforms for use in platform.uses]
        self.granted = sorted(set(platforms[0].places()))
        needed = {grant for platform in platforms for grant in _needed(platform, platforms[0])}
        self.unused = [grant for grant in self.granted if grant not in needed]
        self.justified: dict[str, Any] = yaml.safe_load(UNUSED.read_text())


def _needed(platform: Record, first: Record) -> set[Grant]:
    """What a platform's roles have used, as it is called on the first."""
    there, here = platform.places(), first.places()
    assert [(grant.role, grant.sid, grant.action) for grant in there] == [(grant.role, grant.sid, grant.action) for grant in here]
    allowed = [use for use in platform.uses if use.decision == "Allow" and use.session != NEGATIVE]
    return {called for grant, called in zip(there, here, strict=True) if any(grant.covers(use) for use in allowed)}


def whole(found: list[Record], wanted: Collection[str]) -> list[Record]:
    """The records, if each of the tests has used a platform that left one: what is missing would not be seen to be refused."""
    missing = sorted(set(wanted).difference(*(record.tests for record in found)))
    assert missing == [], "the platforms of these tests have left no record"
    return found


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """Reckoned once; skipped where only a part of the suite runs, as then much is unused that is needed."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    if not set(WHOLE.glob("test_*.py")) <= {item.path for item in items}:
        pytest.skip("only a part of the end-to-end suite runs: what it does not use says nothing")
    wanted = {item.nodeid for item in items if "started" in item.fixturenames and group_of(item.nodeid) in PLATFORMS}
    own = tmp_path_factory.getbasetemp()
    workers = sorted(own.parent.glob("popen-gw*")) if hasattr(request.config, "workerinput") else [own]
    return Account(whole(records(workers, wanted), wanted))


def test_most_of_what_is_granted_is_used(account: Account) -> None:
    """Used ÷ granted, over all roles; an action in one statement on one resource pattern counts as one."""
    used_ones = len(account.granted) - len(account.unused)
    counted("grants_used", used_ones)
    counted("grants_given", len(account.granted))
    for role in sorted({grant.role for grant in account.granted}):
        counted("grants_given_by_role", sum(grant.role == role for grant in account.granted), role=role)
        counted("grants_used_by_role", sum(grant.role == role and grant not in account.unused for grant in account.granted), role=role)
    assert used_ones >= FLOOR * len(account.granted), "\n".join(map(str, account.unused))


def test_no_action_is_a_pattern(account: Account) -> None:
    """Not even where it is deployed: what a transform adds is looked at too."""
    assert [grant for grant in account.granted if "*" in grant.action] == []


def test_what_is_unused_is_justified(account: Account) -> None:
    """Each unused grant has an entry with a sentence."""
    bare = [grant for grant in account.unused if not any(matches(entry, grant) for entry in account.justified["grants"])]
    assert bare == [], "\n".join(map(str, bare))


def test_no_justification_is_for_what_is_used(account: Account) -> None:
    """An entry that is used after all, or for what is granted no more, has to go; `sometimes` is for what depends on the moment."""
    stale = []
    for entry in account.justified["grants"]:
        found = [grant for grant in account.granted if matches(entry, grant)]
        if not found or (not entry.get("sometimes") and not set(found) <= set(account.unused)):
            stale.append((entry, [grant for grant in found if grant not in account.unused]))
    assert stale == []


def test_every_managed_policy_is_justified(account: Account) -> None:
    """Those are AWS's own, and not counted; each has a sentence, and no sentence is without its policy."""
    attached = {policy for role in account.roles for policy in role.managed}
    assert attached == set(account.justified["managed"])


def test_every_justification_is_a_sentence() -> None:
    """Of some words, with a full stop."""
    justified = yaml.safe_load(UNUSED.read_text())
    sentences = [entry["because"] for entry in justified["grants"]] + list(justified["managed"].values())
    assert [text for text in sentences if len(text.split()) < 5 or not text.endswith(".")] == []


def test_nothing_that_the_suite_did_was_refused(account: Account) -> None:
    """A refusal that nobody noticed is a grant that is missing."""
    refused = [use for use in account.uses if use.decision != "Allow" and use.session != NEGATIVE]
    assert refused == []


def test_a_platform_without_a_record_is_seen() -> None:
    """Too little may not pass for little."""
    left = [Record([], [], frozenset({"a"})), Record([], [], frozenset({"b"}))]
    assert whole(left, {"a", "b"}) == left
    with pytest.raises(AssertionError, match="no record"):
        whole(left, {"a", "b", "c"})
    with pytest.raises(AssertionError, match="no record"):
        whole([], {"a"})


def matches(entry: dict[str, Any], grant: Grant) -> bool:
    """Whether an entry speaks of a grant: its role is one of those named (shell globs), its action and, if given, Sid and resource too."""
    roles = any(fnmatch.fnmatchcase(grant.role, role) for role in entry["roles"])
    resource = fnmatch.fnmatchcase(grant.resource, entry.get("resource", "*"))
    return roles and resource and grant.action in entry["actions"] and entry.get("sid", grant.sid) == grant.sid
