"""Refusals of live streams as problem documents."""

import ast
import json
from pathlib import Path

import pytest

from contracts.problems import LIVE_PROBLEMS
from router import live_problems
from router.errors import ApiError

_RAISED = {
    (node.args[0].value, node.args[1].value)
    for module in ("timeline", "identity", "oidc")
    for node in ast.walk(ast.parse(Path(f"serving_image/router/{module}.py").read_text()))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ApiError"
    if isinstance(node.args[0], ast.Constant) and isinstance(node.args[1], ast.Constant)
}


@pytest.mark.parametrize(("status", "code"), sorted(_RAISED))
def test_every_refusal_on_the_way_to_a_stream_has_a_problem_of_its_own(status: int, code: str) -> None:
    """With the status that it was raised with: a new refusal must be named, or it would pass for a failure of ours."""
    kind = live_problems.kind_of(ApiError(status, code, "No."))
    assert kind.code != "internal-error"
    assert kind.status == status


@pytest.mark.parametrize("code", LIVE_PROBLEMS)
def test_every_problem_says_what_to_do(code: str) -> None:
    """A hint in each, and the members that the management API's problems have."""
    (raised,) = [name for name, told in live_problems._KINDS.items() if told == code] or ["unheard_of"]
    document = json.loads(live_problems.body(ApiError(LIVE_PROBLEMS[code].status, raised, "No."), "r-1"))
    assert set(document) == {"type", "title", "status", "detail", "code", "instance", "hint"}
    assert (document["code"], document["type"], document["instance"]) == (code, f"urn:slipway:problem:{code}", "r-1")
    assert document["hint"]
