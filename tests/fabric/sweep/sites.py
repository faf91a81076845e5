"""Every place in our layers that calls AWS, found in the code: a boto3 operation by name, called or handed to what calls it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from scripts.template import ROOT
from tests.fabric.sweep.stage import Line

SERVICES = (
    "cloudwatch", "dynamodb", "ec2", "ecs", "events", "pricing", "s3", "scheduler", "secretsmanager", "service-quotas", "sqs",
    "stepfunctions",
)  # fmt: skip
_CLIENT = re.compile("client|pricing")


@dataclass(frozen=True)
class Site:
    """One such place: file from the repository's root, the lines of the function around it (it may go through its pages), operation."""

    file: str
    first: int
    last: int
    operation: str

    def passed(self, lines: frozenset[Line]) -> bool:
        """Whether a call to AWS went through here."""
        return any((self.file, line, self.operation) in lines for line in range(self.first, self.last + 1))

    def __str__(self) -> str:
        return f"{self.file}: {self.operation}"


def sites() -> list[Site]:
    """All of them, of all layers."""
    files = sorted((ROOT / "layers").glob("*/*/**/*.py"))
    return [site for file in files for site in _sites(file)]


def _sites(file: Path) -> Iterator[Site]:
    text = file.read_text()
    if "adapters" not in file.parts and "_client" not in text:
        return  # no client, no call: `serving.domain` names operations of its own
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (operation := _operation(node)):
                    yield Site(str(file.relative_to(ROOT)), function.lineno, function.end_lineno or function.lineno, operation)


def _operation(node: ast.Call) -> str | None:
    """The operation that this call makes; None if it is no call to AWS."""
    called = node.func
    if not isinstance(called, ast.Attribute):
        return None
    if called.attr in _operations() and _CLIENT.search(ast.unparse(called.value)):
        return called.attr
    handed = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    return str(handed) if handed in _operations() and (called.attr.startswith("_") or called.attr == "get_paginator") else None


@cache
def _operations() -> frozenset[str]:
    """Methods of boto3's clients of the services that we use."""
    loader = Loader()
    models = (ServiceModel(loader.load_service_model(service, "service-2"), service) for service in SERVICES)
    return frozenset(xform_name(name) for model in models for name in model.operation_names)
