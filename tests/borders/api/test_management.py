"""The management API under requests made from its own document: valid ones, and ones that break it in one place or another."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from contracts.api import ROUTES, ApiRoute
from tests.borders.api.judging import is_the_gateways, judge
from tests.borders.estate import Estate
from tests.borders.gateway import Reply
from tests.evidence import counted, scaled

CONFORMS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
EXAMPLES = 150
"""Of each kind for each operation, so 300 for each operation."""
HOLDERS = ("admin", "writer", "stranger")


def _quietly(examples: int) -> settings:
    return settings(
        max_examples=scaled(examples), database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )


def _ours(home: Estate, name: str, number: int) -> str:
    """Something that there is, for a path parameter."""
    held: dict[str, list[str]] = {
        "model_id": list(home.models),
        "operation_id": list(home.operations.values()),
        "token_id": [home.token_id(name) for name in home.tokens],
        "version": [home.version],
        "kind": [home.user["kind"]],
        "user_id": [home.user["user_id"]],
        "subject_kind": [home.limited["subject_kind"]],
        "subject_id": [home.limited["subject_id"]],
    }
    return held[name][number % len(held[name])]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope], ids=lambda route: route.function)
def test_no_request_breaks_it(home: Estate, route: ApiRoute, mode: GenerationMode) -> None:
    """Whatever is sent, valid or not, is answered as the document says, and never with 5xx."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", home.gateway)
    cases = schema[route.path][route.method].as_strategy(generation_mode=mode)
    seen: Counter[int] = Counter()

    @_quietly(EXAMPLES)
    @seed(route.function.encode())
    @given(cases, st.integers(0, 1000), st.sampled_from(HOLDERS))
    def send(case: schemathesis.Case[Any], number: int, holder: str) -> None:
        if number % 4:  # three of four reach something that there is
            case.path_parameters = {name: _ours(home, name, number) for name in case.path_parameters or {}}
        response = case.call(headers=dict([home.bearer(holder)]))
        seen[response.status_code] += 1
        judge(route, Reply(response.status_code, {k.lower(): v[0] for k, v in response.headers.items()}, response.content), home)
        if not is_the_gateways(response.content):
            case.validate_response(response, checks=CONFORMS)
        if route.method != "GET":
            home.restore()

    send()
    counted("api_cases", sum(seen.values()), operation=route.function, kind=mode.value)
