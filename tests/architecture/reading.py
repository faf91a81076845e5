"""What the architecture tests read: the template, the tree, the wiring and the machines, as plain data."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.template import ROOT, load

CONTEXTS = ("access", "registry", "serving", "routing", "usage")
CHILDREN = {"DataPlane": "serving_image/stack.yaml", "Observability": "stacks/observability.yaml"}
# Environment of every function, from Globals and POWERTOOLS_SERVICE_NAME.
COMMON = frozenset({"ENVIRONMENT", "POWERTOOLS_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "PYDANTIC_DISABLE_PLUGINS"})


def pascal(name: str) -> str:
    """`on_model_requested` → `OnModelRequested`."""
    return "".join(part.title() for part in name.split("_"))


@dataclass(frozen=True)
class Function:
    """One function of the template."""

    logical_id: str
    context: str
    name: str
    properties: dict[str, Any] = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where its door is."""
        return ROOT / "functions" / self.context / self.name

    @property
    def door(self) -> ast.Module:
        """Its handler module, parsed."""
        return ast.parse((self.folder / "handler.py").read_text())

    @property
    def environment(self) -> dict[str, Any]:
        """Its variables, without those that every function has."""
        variables = self.properties.get("Environment", {}).get("Variables", {})
        return {name: value for name, value in variables.items() if name not in COMMON}

    @property
    def statements(self) -> list[dict[str, Any]]:
        """Everything it is granted."""
        return [statement for policy in self.properties.get("Policies", []) for statement in policy["Statement"]]

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """Its SAM events."""
        return dict(self.properties.get("Events", {}))

    @property
    def timeout(self) -> int:
        """Seconds."""
        return int(self.properties.get("Timeout", template()["Globals"]["Function"]["Timeout"]))

    @property
    def kind(self) -> str:
        """How it is started: http, event, schedule, alarm, stream, queue, authorizer or step."""
        kinds = {"HttpApi": "http", "EventBridgeRule": "event", "ScheduleV2": "schedule"}
        for event in self.events.values():
            return kinds[event["Type"]]
        for mapping in of_type("AWS::Lambda::EventSourceMapping").values():
            if mapping["FunctionName"] == {"Ref": self.logical_id}:
                return "stream" if "StartingPosition" in mapping else "queue"
        return {"authorize_request": "authorizer", "apply_schedule": "alarm"}.get(self.name, "step")


@cache
def template() -> dict[str, Any]:
    """The root template."""
    return load()


@cache
def child(path: str) -> dict[str, Any]:
    """A child template."""
    return load(ROOT / path)


def of_type(kind: str, content: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Properties of every resource of a type, by logical id."""
    resources = (content or template())["Resources"]
    return {name: item.get("Properties", {}) for name, item in resources.items() if item["Type"] == kind}


@cache
def functions() -> tuple[Function, ...]:
    """Every function of the template."""
    found = []
    for logical_id, properties in of_type("AWS::Serverless::Function").items():
        _, context, name = properties["CodeUri"].split("/")
        found.append(Function(logical_id, context, name, properties))
    return tuple(found)


def function(logical_id: str) -> Function:
    """The function with this logical id."""
    return next(item for item in functions() if item.logical_id == logical_id)


@cache
def machine(path: str) -> dict[str, Any]:
    """A state machine's definition."""
    content: dict[str, Any] = yaml.safe_load((ROOT / path).read_text())
    return content


def machines() -> dict[str, dict[str, Any]]:
    """Properties of every state machine, by logical id."""
    return of_type("AWS::Serverless::StateMachine")


def as_list(value: Any) -> list[Any]:
    """IAM lets one thing stand for a list of one."""
    return value if isinstance(value, list) else [value]


def actions(function: Function) -> set[str]:
    """Every action that it is granted."""
    return {action for statement in function.statements for action in as_list(statement["Action"])}


def walk(value: Any) -> Iterator[Any]:
    """A value and everything inside it."""
    yield value
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from walk(item)


def references(value: Any) -> set[str]:
    """Logical ids and parameters that a value refers to."""
    found: set[str] = set()
    for item in walk(value):
        if not isinstance(item, dict):
            continue
        if isinstance(item.get("Ref"), str):
            found.add(item["Ref"])
        if "Fn::GetAtt" in item:
            found.add(as_list(item["Fn::GetAtt"])[0])
        if "Fn::Sub" in item:
            text = as_list(item["Fn::Sub"])[0]
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
    return {name for name in found if not name.startswith("AWS::")}


@dataclass(frozen=True)
class Needs:
    """What a use case takes from outside, by its wiring: variables it must have, variables it may have, AWS services it calls."""

    required: frozenset[str]
    optional: frozenset[str]
    services: frozenset[str]


Place = tuple[str, str]
"""A function or class of a context's wiring: module, name."""


class Room:
    """One module that opens parts of a context's wiring, a door or the wiring itself: what its names stand for."""

    def __init__(self, context: str, name: str, tree: ast.Module) -> None:
        self.parts = {item.name: item for item in tree.body if isinstance(item, ast.FunctionDef | ast.ClassDef)}
        self._names: dict[str, Place] = {part: (name, part) for part in self.parts}
        self._modules: dict[str, str] = {}
        for item in ast.walk(tree):
            if isinstance(item, ast.ImportFrom):
                for alias in item.names:
                    given = alias.asname or alias.name
                    if (item.module, alias.name) == (context, "wiring") or item.module == f"{context}.wiring":
                        self._modules[given] = alias.name
                    elif (item.module or "").startswith(f"{context}.wiring."):
                        self._names[given] = str(item.module).rpartition(".")[2], alias.name

    def meant(self, node: ast.AST) -> Place | None:
        """The part of the wiring that a name, or an attribute of one of its modules, stands for; None for anything else."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._modules:
            return self._modules[node.value.id], node.attr
        return None


@cache
def wiring(context: str) -> dict[str, Room]:
    """The modules of a context's wiring, which is a package of them or one."""
    home = ROOT / "layers" / context / context
    paths = sorted((home / "wiring").glob("*.py")) or [home / "wiring.py"]
    return {path.stem: Room(context, path.stem, ast.parse(path.read_text())) for path in paths}


@cache
def needs(context: str, name: str) -> Needs:
    """What the parts of the wiring that a door opens reach, the use case of its name among them, following calls within the wiring."""
    tree = ast.parse((ROOT / "functions" / context / name / "handler.py").read_text())
    door, rooms = Room(context, "", tree), wiring(context)
    left = [place for node in ast.walk(tree) if isinstance(node, ast.Attribute) and (place := door.meant(node))]
    assert name in {opened for _, opened in left}, f"{context}/{name} does not open the use case of its name"
    required: set[str] = set()
    optional: set[str] = set()
    services: set[str] = set()
    seen = set[Place]()
    while left:
        current = left.pop()
        if current in seen:
            continue
        seen.add(current)
        room = rooms[current[0]]
        for node in ast.walk(room.parts[current[1]]):
            place = room.meant(node)
            if place and isinstance(rooms[place[0]].parts.get(place[1]), ast.FunctionDef):
                left.append(place)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "client":
                services.add(str(ast.literal_eval(node.args[0])))
            if isinstance(node, ast.Attribute) and node.attr == "from_env":
                settings = room.meant(node.value)
                assert settings, f"{ast.unparse(node)} is not of the wiring"
                for item in rooms[settings[0]].parts[settings[1]].body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        (required if item.value is None else optional).add(item.target.id.upper())
    return Needs(frozenset(required), frozenset(optional - required), frozenset(services))
