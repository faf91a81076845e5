"""Makes the OpenAPI 3.1 document of the management API from the table of routes and the contracts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, TypeAdapter

from contracts.api import ROUTES, ApiRoute, Shape
from contracts.common import BASE32_ID_PATTERN, MODEL_ID_PATTERN, SEMVER_PATTERN, ULID_PATTERN
from contracts.examples import HOSTED_MODEL, PROVIDER_MODEL, SCHEDULE
from contracts.limits import SUBJECT_PATTERNS
from contracts.plan_views import Plan
from contracts.problems import PROBLEMS, ProblemKind
from contracts.users import USER_ID_PATTERN, UserKind
from contracts.views import Problem
from serving.domain.fields import CLASSES

PATH = Path(__file__).resolve().parent.parent / "layers" / "contracts" / "contracts" / "openapi.json"
VERSION = "1.0.0"
Mode = Literal["validation", "serialization"]

_PLACES: dict[str, dict[str, Any]] = {
    "model_id": {"type": "string", "pattern": MODEL_ID_PATTERN, "example": "smollm2-135m"},
    "version": {"type": "string", "pattern": SEMVER_PATTERN, "example": "1.0.0"},
    "operation_id": {"type": "string", "pattern": ULID_PATTERN, "example": "01KAHV5X3V8Q4T1N6F2R7C9B0D"},
    "token_id": {"type": "string", "pattern": BASE32_ID_PATTERN, "example": "abcdefghijklmn23"},
    "subject_kind": {"type": "string", "enum": list(SUBJECT_PATTERNS), "example": "group"},
    "subject_id": {"type": "string", "minLength": 1, "maxLength": 128, "example": "research"},
    "kind": {"type": "string", "enum": list(get_args(UserKind)), "example": "repository"},
    "user_id": {"type": "string", "pattern": USER_ID_PATTERN, "example": "handbook"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again within 24 hours, the same request gets the first answer and does nothing; another one gets 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The generation that the caller has read, as the ETag gave it. 412 if the model has changed since.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": "true: nothing is done; what would be is answered, with 200.",
    "schema": {"type": "boolean", "default": False},
}
_REQUEST_ID = {"description": "Names this request in the logs.", "schema": {"type": "string"}}
_ETAG = {"description": 'The generation, in quotes: `"3"`.', "schema": {"type": "string"}}
_REQUEST_EXAMPLES = {
    "create_model": {"hosted": {"value": dict(HOSTED_MODEL)}, "provider": {"value": dict(PROVIDER_MODEL)}},
    "update_model": {
        "hot": {"value": {"description": "The small one", "features": {"streaming": False}}},
        "rolling": {"value": {"capacity": {"max": 4, "desired": 2}}},
        "restart": {"value": {"engine": {"arguments": {"context_length": 4096}}, "acknowledge": "ack_" + "0" * 40}},
    },
    "plan_model": {
        "change": {"value": {"model_id": "smollm2-135m", "changes": {"engine": {"arguments": {"context_length": 4096}}}}},
        "new": {"value": {"model": dict(HOSTED_MODEL)}},
    },
    "add_model_user": {"repository": {"value": {"name": "Handbook search"}}},
    "set_schedule": {"office hours": {"value": dict(SCHEDULE)}},
    "set_traffic": {
        "canary": {"value": {"versions": [{"version": "1.0.0", "weight": 9_500}, {"version": "1.1.0", "weight": 500}]}},
    },
    "set_limits": {
        "budget": {
            "value": {"requests_per_minute": 600, "tokens_per_minute": 200_000, "budgets": [{"period": "month", "usd": 250.0}]},
        }
    },
    "issue_token": {"inference": {"value": {"name": "notebook", "groups": ["research"], "scopes": ["inference"]}}},
}
_GATEWAY = {
    status: {"application/json": {"schema": {"type": "object", "properties": {"message": {"const": message}}}}}
    for status, message in ((401, "Unauthorized"), (403, "Forbidden"))
}
"""What API Gateway answers itself: without an Authorization header, and to a token that is not let in."""
_TAGS = {
    "serving": "Models: the wish, its state, and the operations on it.",
    "registry": "Versions of models and the evidence that they may be served.",
    "routing": "Traffic: how it is shared by a model's versions.",
    "access": "Who may do what: API tokens, limits and budgets.",
    "usage": "Who did what, and what was used and what it cost, across everything.",
}


def document() -> dict[str, Any]:
    """The whole document."""
    schemas, definitions = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slipway management API",
            "version": VERSION,
            "description": "Launches, runs and retires large language models. Commands answer 202 with an operation to follow.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "x-change-classes": {field: change_class.value for field, change_class in sorted(CLASSES.items())},
        "components": {
            "securitySchemes": {"bearer": _bearer()},
            "headers": {"X-Request-Id": _REQUEST_ID, "ETag": _ETAG},
            "parameters": {"Idempotency-Key": _KEY, "If-Match": _IF_MATCH},
            "examples": {code: {"value": _problem_example(kind)} for code, kind in PROBLEMS.items()},
            "schemas": dict(sorted(definitions.items())),
        },
    }


def modules() -> dict[str, str]:
    """Schema → the module of the contracts that describes it."""
    found, bases = {}, [BaseModel]
    for base in bases:
        found[base.__name__] = base.__module__.rpartition(".")[2]
        bases += base.__subclasses__()
    return found


def _bearer() -> dict[str, str]:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token of ours (`slp_…`) or a JWT of the environment's OpenID Connect issuer.",
    }


def _schemas() -> tuple[dict[tuple[int, Mode], dict[str, Any]], dict[str, Any]]:
    shapes: dict[tuple[int, Mode], Shape] = {(id(Problem), "serialization"): Problem}
    for route in ROUTES:
        if route.body:
            shapes[id(route.body), "validation"] = route.body
        if route.answer:
            shapes[id(route.answer), "serialization"] = route.answer
        if route.plannable:
            shapes[id(Plan), "serialization"] = Plan
    inputs = [(key, mode, _adapter(shape)) for (key, mode), shape in shapes.items()]
    schemas, rest = TypeAdapter.json_schemas(inputs, ref_template="#/components/schemas/{model}")
    return {(key, mode): dict(schemas[key, mode]) for key, mode in shapes}, rest.get("$defs", {})


def _adapter(shape: Shape) -> TypeAdapter[Any]:
    return shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)


def _operation(route: ApiRoute, schemas: dict[tuple[int, Mode], dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_name,
        "summary": route.summary,
        "tags": [route.context],
        "parameters": list(_parameters(route)),
        "responses": {str(route.status): _success(route, schemas), **_refusals(route, schemas)},
    }
    if route.plannable:
        operation["responses"]["200"] = {
            "description": "What would be done (`dry_run=true`)",
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {"application/json": {"schema": schemas[id(Plan), "serialization"]}},
        }
    if route.scope:
        operation["description"] = f"Needs the scope `{route.scope}`."
    else:
        operation["security"] = []
    if route.body:
        content = {"schema": schemas[id(route.body), "validation"], "examples": _REQUEST_EXAMPLES[route.function]}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _parameters(route: ApiRoute) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", route.path):
        schema = dict(_PLACES[name])
        yield {"name": name, "in": "path", "required": True, "example": schema.pop("example"), "schema": schema}
    if route.query:
        for name, schema in route.query.model_json_schema()["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": {k: v for k, v in schema.items() if k != "title"}}
    if route.plannable:
        yield _DRY_RUN
    if route.idempotent:
        yield {"$ref": "#/components/parameters/Idempotency-Key"}
    if route.conditional:
        yield {"$ref": "#/components/parameters/If-Match"}


def _success(route: ApiRoute, schemas: dict[tuple[int, Mode], dict[str, Any]]) -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *(["ETag"] if route.tagged else []))}
    schema = schemas[id(route.answer), "serialization"] if route.answer else {"type": "object"}
    words = {200: "Done", 201: "Created", 202: "Accepted; follow the operation"}
    return {"description": words[route.status], "headers": headers, "content": {"application/json": {"schema": schema}}}


def _refusals(route: ApiRoute, schemas: dict[tuple[int, Mode], dict[str, Any]]) -> dict[str, Any]:
    problem = schemas[id(Problem), "serialization"]
    by_status: dict[int, list[ProblemKind]] = {}
    for kind in route.problems:
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _refusal(status, kinds, problem) for status, kinds in by_status.items()}


def _refusal(status: int, kinds: list[ProblemKind], problem: dict[str, Any]) -> dict[str, Any]:
    schema = {"allOf": [problem, {"properties": {"code": {"enum": [kind.code for kind in kinds]}, "status": {"const": status}}}]}
    examples = {kind.code: {"$ref": f"#/components/examples/{kind.code}"} for kind in kinds}
    return {
        "description": " ".join(f"`{kind.code}`: {kind.meaning}" for kind in kinds),
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {"application/problem+json": {"schema": schema, "examples": examples}} | _GATEWAY.get(status, {}),
    }


def _problem_example(kind: ProblemKind) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": f"urn:slipway:problem:{kind.code}",
        "title": kind.code.replace("-", " ").capitalize(),
        "status": kind.status,
        "detail": kind.meaning,
        "code": kind.code,
        "instance": "JKJaXmPLvHcESHA=",
    }
    if kind.code == "validation-failed":
        example["errors"] = [{"path": "capacity.min", "code": "int-parsing", "message": "Input should be a valid integer"}]
    return example
