"""Requests that no document describes: bodies that are no JSON or hardly, headers and paths that no client of ours sends."""

import json
from urllib.parse import quote

import pytest

from contracts.api import ROUTES
from tests.borders.api.judging import judge
from tests.borders.estate import Estate
from tests.borders.gateway import Reply, routed
from tests.evidence import counted
from tests.functional.serving import samples

TAKING = [route for route in ROUTES if route.body]
CONDITIONAL = [route for route in ROUTES if route.conditional]
_MODEL = json.dumps(samples.hosted("fresh"))
BODIES = {
    "nothing": b"",
    "blank": b"   ",
    "half": b'{"model_id": "a',
    "no object": b"[]",
    "a number": b"1",
    "null": b"null",
    "text": b'"model"',
    "two": b"{}{}",
    "a comment": b"{} // x",
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": -Infinity}',
    "beyond every number": b'{"name": "n", "expires_in_days": 1e999, "capacity": {"min": -1e999}, "lead_minutes": 1e999}',
    "a huge integer": b'{"expires_in_days": 1' + b"0" * 4000 + b', "lead_minutes": 1' + b"0" * 4000 + b"}",
    "more digits than Python reads": b'{"expires_in_days": 1' + b"0" * 100_000 + b"}",
    "depth 10,000": b"[" * 10_000 + b"]" * 10_000,
    "depth 10,000 of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "depth 32 in a field": b'{"schedule": ' + b"[" * 31 + b"]" * 31 + b"}",
    "1 MB and a byte": b'{"description": "' + b"x" * 1_000_001 + b'"}',
    "80,000 keys": b"{" + b",".join(b'"k%d":1' % number for number in range(80_000)) + b"}",
    "the same key twice": b'{"name": "a", "name": {}, "model_id": 1, "model_id": "x"}',
    "half a surrogate pair": b'{"name": "\\ud800", "description": "\\udfff"}',
    "a NUL": b'{"name": "\\u0000", "description": "\\u0000", "time_zone": "\\u0000"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "n"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "prototype": b'{"__proto__": {"admin": true}, "constructor": {}, "__class__": "x"}',
    "other types": b'{"model_id": {}, "changes": [], "model": 1, "name": [], "windows": {}, "engine": "x", "capacity": true}',
    "a path in a patch": b'{"capacity": {"min": {"max": {"desired": null}}}, "provider": {"api_base": 1}}',
}
CONTENT_TYPES = (
    "application/json",
    "application/xml",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "",
    "*",
)
GENERATIONS = ('"0"', '"-1"', "1", 'W/"1"', '"1", "2"', '""', '"', "*", '"99999999999999"', "²", "٣", '"1"x', "\x00", '"' * 3000, "W/*")
KEYS = ("", " ", "k" * 256, "ü", "a\tb", "\x7f", "a#b", "../..", "'; --", "k" * 255)
PATHS = (
    "/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/models/..%2f..",
    "/models/%00",
    "/models/%ff%fe",
    "/models/%F0%9F%92%A9",
    "/models/" + "a" * 3000,
    "/models/" + "%C3%BC" * 1500,
    "/models/" + "a" * 3000 + "/events",
    "/models/" + "a" * 3000 + "/versions/" + "1" * 3000,
    "/models/up/versions/" + "9" * 2000,
    "/models/up/versions/%23",
    "/operations/" + "Z" * 26,
    "/operations/" + "0" * 3000,
    "/operations/%23MODEL",
    "/tokens/" + "a" * 3000,
    "/tokens/%C3%A4",
    "/tokens/HEAD",
    "/models/up%23x",
    "/models//events",
    "//models",
    "/models/",
    "/models/up/",
    "/models/up/events/../../tokens",
    "/%6dodels",
    "/models;x=1",
    "/models/plan",
)
QUERIES = (
    "limit=1&limit=2",
    "limit=1e3",
    "limit=%31",
    "limit=" + "9" * 5000,
    "limit=-1",
    "next_token=" + "W1tbW1tb" * 250,
    "next_token=%00",
    "next_token=%F0%9F%92%A9",
    "prefix=%00",
    "prefix=%F4%8F%BF%BF",
    "group=" + "x" * 4000,
    "tag==",
    "tag=" + quote("k=" + "v" * 256),
    "order=ASC",
    "since=0001-01-01T00:00:00%2B23:59",
    "until=9999-12-31T23:59:59-23:59",
    "since=1e300",
    "since=9999-12-31T23:59:59Z&until=0001-01-01T00:00:00Z",
    "since=-62135596800",
    "memory_min=nan",
    "memory_min=inf",
    "gpus_min=1.5",
    "fits_model=%2e%2e",
    "dry_run=maybe",
    "dry_run=true&dry_run=false",
    "&&&=&=",
    "%",
    "a=%zz",
)


def _send(
    home: Estate, method: str, path: str, *, query: str = "", body: bytes = b"", kind: str = "application/json", **more: str
) -> Reply:
    headers = [home.bearer("admin"), ("content-type", kind), *((name.replace("_", "-"), value) for name, value in more.items())]
    reply = home.gateway.send(method, path, query=query, headers=headers, body=body)
    found = routed(method, path)
    judge(found[0] if found else None, reply, home)
    home.restore()
    return reply


@pytest.mark.parametrize("name", BODIES)
def test_no_body_breaks_it(home: Estate, name: str) -> None:
    """Each is refused with a problem document, unless it happens to be one that says something."""
    for route in TAKING:
        reply = _send(home, route.method, route.path.replace("{model_id}", "off"), body=BODIES[name])
        assert reply.status < 500
    counted("malformed_requests", len(TAKING), part="body")


def test_of_many_wrong_fields_a_hundred_are_named(home: Estate) -> None:
    """The answer stays small and quick however much is wrong."""
    reply = _send(home, "POST", "/models/plan", body=BODIES["80,000 keys"])
    assert (reply.status, len(reply.json()["errors"]), len(reply.body) < 20_000) == (422, 100, True)
    assert reply.json()["detail"] == "80000 field(s) are not acceptable; 100 are named"


@pytest.mark.parametrize("kind", CONTENT_TYPES)
def test_the_content_type_decides_nothing(home: Estate, kind: str) -> None:
    """A model is a model however it is announced, in base 64 too; what is no text is refused."""
    assert _send(home, "POST", "/models", body=_MODEL.encode(), kind=kind).status == 202
    assert _send(home, "POST", "/models", body=b"\xff" + _MODEL.encode(), kind=kind).status == 400
    counted("malformed_requests", 2, part="content-type")


@pytest.mark.parametrize("header", GENERATIONS, ids=range(len(GENERATIONS)))
def test_no_if_match_breaks_it(home: Estate, header: str) -> None:
    """Understood and held against the generation, or refused."""
    for route in CONDITIONAL:
        body = b'{"description": "x"}' if route.function == "update_model" else b""
        assert _send(home, route.method, route.path.replace("{model_id}", "up"), body=body, if_match=header).status < 500
    counted("malformed_requests", len(CONDITIONAL), part="if-match")


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_no_idempotency_key_breaks_it(home: Estate, key: str) -> None:
    """Up to 255 visible characters are taken, and give the same answer twice; anything else is refused."""
    taken = 0 < len(key) <= 255 and key.isascii() and key.isprintable()
    assert _send(home, "POST", "/models", body=_MODEL.encode(), idempotency_key=key).status == (202 if taken else 400)
    counted("malformed_requests", 1, part="idempotency-key")


@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_no_path_breaks_it(home: Estate, path: str) -> None:
    """Whatever stands in a path is looked for as it stands, and not found."""
    for method in ("GET", "DELETE", "PATCH", "POST"):
        assert 400 <= _send(home, method, path, body=b'{"description": "x"}').status < 500
    counted("malformed_requests", 4, part="path")


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_no_query_breaks_it(home: Estate, query: str) -> None:
    """Each list takes it or names what it does not take."""
    lists = [route.path.replace("{model_id}", "up") for route in ROUTES if route.query]
    for path in lists:
        assert _send(home, "GET", path, query=query).status in {200, 404, 422}
    _send(home, "POST", "/models/off/start", query=query)
    counted("malformed_requests", len(lists) + 1, part="query")


@pytest.mark.parametrize("method", ["TRACE", "HEAD", "OPTIONS", "PUT", "CONNECT", "PROPFIND", "get", "X", ""])
def test_other_methods_are_not_there(home: Estate, method: str) -> None:
    """The gateway has no route for them."""
    assert _send(home, method, "/models").status == 404
    counted("malformed_requests", 1, part="method")


def test_headers_that_come_twice_are_one(home: Estate) -> None:
    """Two keys, two generations, two credentials: the gateway joins them by a comma, and what comes out is judged as it is."""
    twice = [home.bearer("admin"), ("idempotency-key", "a"), ("idempotency-key", "b"), ("if-match", '"1"'), ("if-match", '"2"')]
    reply = home.gateway.send("DELETE", "/models/off", headers=twice)
    assert (reply.status, reply.json()["code"]) == (400, "if-match-invalid")
    reply = home.gateway.send("GET", "/models", headers=[home.bearer("admin"), home.bearer("writer")])
    assert reply.status == 403
    counted("malformed_requests", 2, part="headers")


def test_the_document_is_open_to_everybody(home: Estate) -> None:
    """With any header or none; and those who have it are told so."""
    reply = home.gateway.send("GET", "/openapi.json", headers=[("authorization", "Bearer slp_x")])
    assert (reply.status, reply.json()["openapi"]) == (200, "3.1.0")
    assert home.gateway.send("GET", "/openapi.json", headers=[("if-none-match", reply.headers["etag"])]).status == 304
