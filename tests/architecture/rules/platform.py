"""What the rules read: the stacks as CloudFormation gets them, the machines as Step Functions gets them; and how a rule is written.

A rule is a function from all that to findings, pairs of a resource and what is wrong with it. Beside it stand mutations (`@breaks`), each
of which makes the mistake that the rule is there for: a rule that does not see them is no rule.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scripts.check_templates import transformed
from scripts.scanning.findings import Finding
from scripts.scanning.machines import rendered
from scripts.template import ROOT, load, target_of
from tests.architecture.reading import CHILDREN

TOOL = "slipway"
ROOT_STACK = "template.yaml"
JSON = dict[str, Any]
Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Platform:
    """`stacks`: template by path, the root after the SAM transform; `machines`: definition by logical id; `texts`: source by path."""

    stacks: dict[str, JSON]
    machines: dict[str, JSON]
    texts: dict[str, str]

    @property
    def root(self) -> dict[str, JSON]:
        """The root's resources."""
        resources: dict[str, JSON] = self.stacks[ROOT_STACK]["Resources"]
        return resources

    def resources(self, *kinds: str) -> Iterator[tuple[str, JSON]]:
        """Logical id and properties of every resource of these kinds, of all stacks."""
        for stack in self.stacks.values():
            for name, resource in stack["Resources"].items():
                if resource["Type"] in kinds:
                    yield name, resource.setdefault("Properties", {})

    def whole(self, *kinds: str) -> Iterator[tuple[str, JSON]]:
        """The same with everything beside the properties."""
        for stack in self.stacks.values():
            yield from ((name, resource) for name, resource in stack["Resources"].items() if resource["Type"] in kinds)

    def properties(self, logical_id: str | None) -> JSON:
        """Of one resource of the root; nothing for one that is not there."""
        properties: JSON = self.root.get(logical_id or "", {}).get("Properties", {})
        return properties

    def kind(self, logical_id: str | None) -> str:
        """Its type, or an empty text."""
        return str(self.root.get(logical_id or "", {}).get("Type", ""))

    def alarms(self, logical_id: str) -> list[JSON]:
        """Alarms, always there, that reach somebody and watch this resource, wherever they stand: a child names it by a parameter."""
        names = {(ROOT_STACK, logical_id)}
        for child, path in CHILDREN.items():
            given = self.root[child]["Properties"].get("Parameters", {})
            names |= {(path, name) for name, value in given.items() if target_of(value) == logical_id}
        return [
            resource["Properties"]
            for path, stack in self.stacks.items()
            for resource in stack["Resources"].values()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
            and "Condition" not in resource
            and resource["Properties"].get("AlarmActions")
            and resource["Properties"].get("ActionsEnabled", True)
            and any((path, target_of(item["Value"])) in names for item in resource["Properties"].get("Dimensions", []))
        ]


@dataclass(frozen=True)
class Rule:
    """`name` as exemptions call it, `sentence` what it demands, `plants` the mutations it must find, by what they do."""

    name: str
    sentence: str
    check: Callable[[Platform], Found]
    plants: dict[str, Callable[[Platform], str]] = field(default_factory=dict, compare=False)

    def findings(self, platform: Platform) -> set[Finding]:
        """Everything that is wrong by this rule."""
        return {Finding(TOOL, self.name, resource, message) for resource, message in self.check(platform)}


RULES: dict[str, Rule] = {}


def rule(check: Callable[[Platform], Found]) -> Callable[[Platform], Found]:
    """Put a check on the list, named after the function."""
    name = check.__name__.replace("_", "-")
    assert check.__doc__, name
    RULES[name] = Rule(name, check.__doc__.strip(), check)
    return check


def breaks(check: Callable[[Platform], Found]) -> Callable[[Callable[[Platform], str]], Callable[[Platform], str]]:
    """The function changes the platform for the worse and answers where `check` must see it."""

    def plant(mutation: Callable[[Platform], str]) -> Callable[[Platform], str]:
        RULES[check.__name__.replace("_", "-")].plants[mutation.__name__] = mutation
        return mutation

    return plant


def first(platform: Platform, kind: str, having: str = "") -> tuple[str, JSON]:
    """Some resource of a kind, with a property if one is named: where a mutation puts its mistake."""
    return next((name, properties) for name, properties in platform.resources(kind) if not having or having in properties)


def statements(platform: Platform) -> Iterator[tuple[str, JSON]]:
    """Every statement of every identity policy, with the role that holds it."""
    for name, role in platform.resources("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])] + [
            role[key] for key in ("PolicyDocument",) if key in role
        ]
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


_CODE = ("layers", "functions", "serving_image", "statemachines", "stacks")


def _texts() -> dict[str, str]:
    files = [
        path
        for folder in _CODE
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".yaml", ".sh"} or "Dockerfile" in path.name
    ]
    own = [path for path in [ROOT / ROOT_STACK, *files] if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(own)}


@cache
def real() -> Platform:
    """The platform as it is in this tree. Whoever changes it copies it first."""
    children = {path: load(ROOT / path) for path in CHILDREN.values()}
    return Platform({ROOT_STACK: transformed(), **children}, rendered(), _texts())


def words(name: str) -> str:
    """`Sid` or name in lower case, apart: `TakeFromItsQueue` → `take from its queue`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
