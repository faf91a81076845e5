"""The command line reaches everything that the management API can do, and knows it by its document."""

import re
import shlex
import tomllib
from typing import Any, get_args

import pytest

from contracts.api import ROUTES, ApiRoute
from contracts.model import HostedModel, ProviderModel
from contracts.problems import PROBLEMS
from scripts.template import ROOT
from slipway_cli import errors
from slipway_cli.api_types import model as models
from slipway_cli.api_types.endpoints import ENDPOINTS, ListModelsStatus
from slipway_cli.api_types.views import ReadHostedModelStatus
from slipway_cli.coverage import REACHED_BY
from slipway_cli.spec import SPEC
from tests.fakes.management import OPERATION_ID, FakeManagement, Told, accepted, model, page
from tests.unit.cli.running import Terminal

PLACES = {
    "kind": "repository",
    "user_id": "handbook",
    "model_id": "parrot",
    "version": "1.0.0",
    "operation_id": OPERATION_ID,
    "token_id": "abcdefghijklmn23",
    "subject_kind": "group",
    "subject_id": "research",
}
OUTPUT = {"format"}  # how results are written is ours to say: --output
each = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.function)


def reached(route: ApiRoute, *more: str) -> Any:
    """The one request that the table's words send, which is for the route."""
    path = re.sub(r"{(\w+)}", lambda match: PLACES[match[1]], route.path)
    answer = (
        page() if route.query else accepted() if route.status == 202 else Told(route.status, model() | {"token_id": "x", "token": "slp_x"})
    )
    terminal = Terminal(FakeManagement({f"{route.method} {path}": [answer]}))
    words = REACHED_BY[route.operation_name]
    ended = terminal.run(*shlex.split(words.words), *more, "--json")
    assert [f"{asked.method} {asked.path}" for asked in terminal.api.asked] == [f"{route.method} {path}"], ended.err
    assert ended.code == 0, ended.err
    return terminal.api.asked[0]


def test_every_operation_is_reached_and_nothing_else_is_claimed() -> None:
    """A route that is added to the API gets its command."""
    assert set(REACHED_BY) == {route.operation_name for route in ROUTES}


@each
def test_a_command_sends_what_the_route_takes(route: ApiRoute) -> None:
    """Method, path, Idempotency-Key on every change and on nothing else, a body where there is one."""
    asked = reached(route)
    assert ("idempotency-key" in asked.headers) == route.idempotent
    assert (asked.body is not None) == (route.body is not None)
    assert "if-match" not in asked.headers


@pytest.mark.parametrize("route", [route for route in ROUTES if route.conditional], ids=lambda route: route.function)
def test_a_command_can_be_made_conditional(route: ApiRoute) -> None:
    """--if-match where the route takes If-Match."""
    assert reached(route, "--if-match", "3").headers["if-match"] == '"3"'


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method != "GET"], ids=lambda route: route.function)
def test_a_command_can_be_tried_where_the_route_can_plan(route: ApiRoute) -> None:
    """--dry-run where the route takes `dry_run`, and nowhere else."""
    words = [*shlex.split(REACHED_BY[route.operation_name].words), "--dry-run"]
    if route.plannable:
        assert reached(route, "--dry-run").query == {"dry_run": "true"}
    else:
        assert Terminal().run(*words).code == errors.Exit.USAGE


@pytest.mark.parametrize("route", [route for route in ROUTES if route.query], ids=lambda route: route.function)
def test_every_query_parameter_has_an_option(route: ApiRoute) -> None:
    """Filters, order, pages."""
    assert route.query
    parameters = set(route.query.model_json_schema()["properties"]) - OUTPUT
    assert set(reached(route, *shlex.split(REACHED_BY[route.operation_name].query)).query) == parameters


@each
def test_the_generated_table_of_endpoints_is_the_apis(route: ApiRoute) -> None:
    """Made from the document, it says what the document was made from."""
    endpoint = ENDPOINTS[route.operation_name]
    assert (endpoint.method, endpoint.path, endpoint.body) == (route.method, route.path, route.body is not None)
    assert (endpoint.idempotent, endpoint.conditional) == (route.idempotent, route.conditional)


def test_generated_types_have_the_models_fields() -> None:
    """Field by field."""
    for contract, generated in ((HostedModel, models.HostedModel), (ProviderModel, models.ProviderModel)):
        assert set(generated.__annotations__) == set(contract.model_fields)


@pytest.mark.parametrize("flag", SPEC, ids=lambda flag: flag.name)
def test_a_flag_sets_a_field_that_a_model_has(flag: Any) -> None:
    """Its path exists in the schema of a hosted or of a provider's model."""
    schemas = [contract.model_json_schema() for contract in (HostedModel, ProviderModel)]
    assert any(_has(schema, schema, flag.path.split(".")) for schema in schemas)


def _has(root: dict[str, Any], schema: dict[str, Any], path: list[str]) -> bool:
    if "$ref" in schema:
        return _has(root, root["$defs"][schema["$ref"].rpartition("/")[2]], path)
    if not path:
        return True
    if any(_has(root, choice, path) for word in ("anyOf", "oneOf", "allOf") for choice in schema.get(word, ())):
        return True
    below = schema.get("properties", {}).get(path[0])
    return below is not None and _has(root, below, path[1:])


def test_the_code_that_asks_for_an_acknowledgement_exists() -> None:
    """The one problem code that the command line acts upon."""
    assert PROBLEMS[errors.ACKNOWLEDGEMENT_REQUIRED].status == 409


def test_statuses_to_filter_by_are_the_apis() -> None:
    """The choice on the command line is the document's enumeration."""
    assert set(get_args(ListModelsStatus)) == set(get_args(ReadHostedModelStatus))


def test_what_is_installed_is_what_is_locked() -> None:
    """cli/pyproject.toml and the group that locks/cli.txt is made from ask for the same."""
    own = tomllib.loads((ROOT / "cli" / "pyproject.toml").read_text())["project"]["dependencies"]
    assert own == tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["cli"]
    locked = (ROOT / "locks" / "cli.txt").read_text()
    assert [dependency for dependency in own if f"{dependency} " not in locked] == []


def test_the_readme_names_every_exit_code() -> None:
    """Scripts rely on them."""
    text = (ROOT / "cli" / "README.md").read_text()
    assert {int(code) for code in re.findall(r"(?m)^\| (\d+) \|", text)} == {int(code) for code in errors.Exit}
