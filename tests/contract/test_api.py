"""The table of routes, the OpenAPI document, the template and the problem codes in the code agree."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from contracts.api import ROUTES, ApiRoute
from contracts.problems import PROBLEMS
from contracts.views import Problem
from kit import errors
from scripts.openapi import PATH
from scripts.template import ROOT, load

DOCUMENT: dict[str, Any] = json.loads(PATH.read_text())
REFUSALS = {name: cls.status for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, errors.Refused)}
QUESTIONS = {"plan_model"}
HTTP_CODE = [
    ROOT / "layers/kit/kit/door/http.py",
    ROOT / "layers/kit/kit/door/principal.py",
    ROOT / "layers/kit/kit/commands.py",
    ROOT / "layers/kit/kit/caller.py",
    *(ROOT / f"layers/{route.context}/{route.context}/usecases/{route.function}.py" for route in ROUTES if route.scope),
]


def routes_of_template() -> set[tuple[str, str, str]]:
    """(method, path, logical id) of every HTTP event of the template."""
    return {
        (source["Properties"]["Method"].upper(), source["Properties"]["Path"], logical_id)
        for logical_id, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        for source in resource["Properties"].get("Events", {}).values()
        if source["Type"] == "HttpApi"
    }


def test_document_is_openapi() -> None:
    """The document passes the validator of OpenAPI 3.1."""
    validate(DOCUMENT)


def test_template_has_exactly_these_routes() -> None:
    """A route exists in the template if and only if the table has it, and leads to the same function."""
    assert routes_of_template() == {(route.method, route.path, route.logical_id) for route in ROUTES}


def test_document_has_exactly_these_routes() -> None:
    """A route exists in the document if and only if the table has it."""
    documented = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert documented == {(route.method, route.path) for route in ROUTES}


def test_every_group_of_routes_is_described() -> None:
    """A tag that an operation has is one that the document explains."""
    used = {tag for item in DOCUMENT["paths"].values() for operation in item.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in DOCUMENT["tags"]}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_route_has_its_function(route: ApiRoute) -> None:
    """Every route's function has its door in the tree."""
    assert (ROOT / "functions" / route.context / route.function / "handler.py").is_file()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_commands_can_be_repeated(route: ApiRoute) -> None:
    """Every mutation takes Idempotency-Key; no read does, not even the question that is too long for a query."""
    assert route.idempotent == (route.method != "GET" and route.function not in QUESTIONS)


@pytest.mark.parametrize("code", PROBLEMS)
def test_problem_examples_fit_the_problem_contract(code: str) -> None:
    """The documented example of every problem is a problem document with that code."""
    problem = Problem.validate_document(DOCUMENT["components"]["examples"][code]["value"])
    assert (problem.code, problem.status) == (code, PROBLEMS[code].status)


def refusals(path: Path) -> Iterator[tuple[str, int]]:
    """Every (code, status) that the module refuses a request with, where the code is written out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        code = node.args[0].value
        if name in REFUSALS and isinstance(code, str):
            malformed = any(word.arg == "malformed" for word in node.keywords)
            yield code, (400 if malformed else 422) if name == "InvalidRequest" else REFUSALS[name]


@pytest.mark.parametrize("path", HTTP_CODE, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_refusal_is_documented(path: Path) -> None:
    """Every code that a request can be refused with is in the table of problems, with the status that its class gives it."""
    for code, status in refusals(path):
        assert code in PROBLEMS, f"{path.name} refuses with {code}: add it to contracts/problems.py and to its routes"
        assert PROBLEMS[code].status == status, code


def test_secrets_are_never_described_as_answers() -> None:
    """Only the answer to issuing a token holds a token, where usage names whose it was; no answer holds a digest."""
    schemas = DOCUMENT["components"]["schemas"]
    holding = [name for name, schema in schemas.items() if "token" in schema.get("properties", {}) and name != "UsageItem"]
    assert holding in ([], ["IssuedToken"])
    assert "oidc:" in schemas["UsageItem"]["properties"]["token"]["description"]
    assert not [name for name, schema in schemas.items() if {"digest", "pepper_id"} & set(schema.get("properties", {}))]
    assert not re.search(r"slp_[a-z2-7]{16}_", PATH.read_text())
