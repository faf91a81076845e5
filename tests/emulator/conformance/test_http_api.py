"""AWS: AWS::Serverless::HttpApi with function events serves those routes, guarded by its Lambda authorizer with simple responses."""

import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.emulator.conformance.cloud import RUNTIME, Cloud

API = """
def handler(event, context):
    if event.get("rawPath") == "/boom":
        raise KeyError("a secret of ours")
    who = event["requestContext"]["authorizer"]["lambda"]["who"]
    return {"statusCode": 200, "body": who + " " + event["pathParameters"]["id"]}
"""
AUTHORIZER = """
def handler(event, context):
    known = event["headers"].get("authorization") == "Bearer yes"
    return {"isAuthorized": known, "context": {"who": "ada"}}
"""


@pytest.fixture(scope="module")
def api(cloud: Cloud) -> str:
    """The base URL of a deployed HTTP API."""
    function: dict[str, Any] = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Runtime": RUNTIME, "Handler": "index.handler", "InlineCode": API},
    }
    events = {"Thing": ("/things/{id}", "get"), "Boom": ("/boom", "post")}
    function["Properties"]["Events"] = {
        name: {"Type": "HttpApi", "Properties": {"ApiId": {"Ref": "Api"}, "Path": path, "Method": method}}
        for name, (path, method) in events.items()
    }
    authorizer = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Runtime": RUNTIME, "Handler": "index.handler", "InlineCode": AUTHORIZER},
    }
    auth = {
        "DefaultAuthorizer": "Ours",
        "Authorizers": {
            "Ours": {
                "AuthorizerPayloadFormatVersion": "2.0",
                "EnableSimpleResponses": True,
                "FunctionArn": {"Fn::GetAtt": ["Authorizer", "Arn"]},
                "Identity": {"Headers": ["Authorization"], "ReauthorizeEvery": 0},
            }
        },
    }
    resources = {"Function": function, "Authorizer": authorizer, "Api": {"Type": "AWS::Serverless::HttpApi", "Properties": {"Auth": auth}}}
    outputs = cloud.deploy(resources, {"ApiId": {"Ref": "Api"}}, "AWS::Serverless-2016-10-31")
    return f"{cloud.settings.endpoint}/_aws/execute-api/{outputs['ApiId']}"


def call(url: str, method: str = "GET", token: str | None = "yes") -> tuple[int, str]:
    """Status and body."""
    request = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_route_reaches_its_function_with_the_authorizers_context(api: str) -> None:
    """On AWS the context arrives under `requestContext.authorizer.lambda`."""
    assert call(f"{api}/things/7") == (200, "ada 7")


def test_a_caller_without_identity_is_unauthorized(api: str) -> None:
    """On AWS a missing identity source answers 401 without invoking the authorizer."""
    assert call(f"{api}/things/7", token=None)[0] == 401


def test_a_caller_whom_the_authorizer_refuses_is_forbidden(api: str) -> None:
    """On AWS `isAuthorized: false` answers 403."""
    assert call(f"{api}/things/7", token="no")[0] == 403


def test_an_unknown_path_is_not_found(api: str) -> None:
    """On AWS a path without a route answers 404."""
    assert call(f"{api}/nothing")[0] == 404
