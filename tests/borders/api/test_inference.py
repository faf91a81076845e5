"""The running router under requests made from its own document, and under some that no document has."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from contracts.inference import COUNT_TOKENS, ENDPOINTS, MESSAGES, TRANSCRIPTIONS, TRANSLATIONS, endpoints_of
from router.app import App
from tests.borders.api.inference_document import document
from tests.borders.tasks import OTHERS
from tests.evidence import counted, scaled
from tests.functional.router.platform import Platform, RouterProcess, target
from tests.functional.router.stubs import StubAws, StubEngine

EXAMPLES = 150
NOT_NOW = {"model_not_ready", "model_closed", "model_asleep", "engine_unreachable", "router_not_ready"}
"""503 as documented: the model is there, and does not answer at the moment."""
MODELS = ("tiny", "vectors", *OTHERS, "closed", "asleep", "secret", "nowhere")
DOCUMENT = document(MODELS)
OPERATIONS = [(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods]


class Border:
    """A router with models in every state, and who asks it."""

    def __init__(self, router: RouterProcess, tokens: dict[str, str | None]) -> None:
        self.router, self.tokens = router, tokens

    def send(self, method: str, path: str, holder: str, **more: Any) -> httpx.Response:
        """One request of that holder."""
        token = self.tokens[holder]
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        with self.router.http.stream(method, path, headers=headers, **more) as response:
            if response.headers.get("content-type", "").startswith("text/event-stream") and path.startswith("/live"):
                return response  # it lasts for an hour
            response.read()
            return response


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    """One router, its engine, a model of each task and some that do not answer."""
    state: Path = tmp_path_factory.mktemp("state")
    with StubAws() as aws, StubEngine() as engine:
        platform = Platform(aws)
        ready = [target(engine.port)]
        platform.route("tiny", targets=ready)
        platform.route("vectors", task="embedding", targets=ready)
        for model_id, task in OTHERS.items():
            platform.route(model_id, task=task, targets=ready)
        platform.route("closed", state="closed", targets=[])
        platform.route("asleep", state="asleep", targets=[], expected_start_seconds=30.0)
        platform.route("secret", allowed_groups=["other"], targets=ready)
        aws.put("models", "MODEL#tiny", "MODEL", {"revision": 1, "life": 1, "spec": {"allowed_groups": ["research"]}})
        aws.put("models", "MODEL#secret", "MODEL", {"revision": 1, "life": 1, "spec": {"allowed_groups": ["other"]}})
        tokens: dict[str, str | None] = {
            "research": platform.token(scopes=("inference", "models:read")),
            "other": platform.token(("other",), ("inference", "models:read")),
            "reader": platform.token(scopes=("models:read",)),
            "asker": platform.token(),
            "narrow": platform.token(scopes=("inference", "models:read"), models=["vectors"]),
            "admin": platform.token((), ("admin",)),
            "expired": platform.token(expires_at="2026-01-01T00:00:00.000Z"),
            "malformed": "slp_x",
            "nobody": None,
        }
        router = RouterProcess(aws, state, MODEL_TABLE="models", SLIPWAY_MAX_WAIT_SECONDS="0")
        try:
            router.wait_ready()
            router.follows(aws)
            yield Border(router, tokens)
        finally:
            router.terminate()


def judge(response: httpx.Response, path: str) -> None:
    """No fault of the router's; a refusal in OpenAI's shape, or as a problem document where streams are followed."""
    if response.status_code < 400:
        return
    if path.startswith("/live"):
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["status"] == response.status_code < 500, problem
        assert {"type", "title", "detail", "code", "instance"} <= set(problem)
        return
    said = response.json()
    error = said["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert set(said) == ({"type", "error", "request_id"} if path in {MESSAGES, COUNT_TOKENS} else {"error"})
    assert response.headers["content-type"] == "application/json"
    assert response.status_code < 500 or (response.status_code == 503 and error["code"] in NOT_NOW), error
    assert response.headers["x-request-id"]
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"]) > 0


def test_every_route_is_described(border: Border) -> None:
    """What the application handles is in the document, and the other way round."""
    parts = ("routes", "authenticator", "inference", "timeline", "metrics", "log", "ready", "release")
    handled = set(App(Mock(cors_origins=()), **dict.fromkeys(parts, Mock()))._handlers)
    handled |= {("GET", "/v1/models/{model}"), ("GET", "/live/models/{model}/events"), ("GET", "/live/operations/{operation}")}
    assert {(method, path) for path, method in OPERATIONS} == handled
    for path, method in OPERATIONS:
        if "{" not in path:
            assert border.send(method, path, "admin").status_code not in {404, 405}
            assert border.send("PUT", path, "admin").status_code == 405


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_breaks_the_router(border: Border, path: str, method: str, mode: GenerationMode) -> None:
    """Valid or not, it is answered: by the engine, or by a refusal that says which."""
    cases = schemathesis.openapi.from_dict(DOCUMENT)[path][method].as_strategy(generation_mode=mode)
    seen: Counter[int] = Counter()

    @settings(max_examples=scaled(EXAMPLES), database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @seed(f"{method} {path}".encode())
    @given(cases, st.sampled_from(["research", "admin", "research", "narrow"]))
    def send(case: schemathesis.Case[Any], holder: str) -> None:
        made = requests.Request(**case.as_transport_kwargs(base_url=border.router.url)).prepare()
        headers = {name: value for name, value in made.headers.items() if name.lower() not in {"authorization", "host", "x-api-key"}}
        content = made.body.encode() if isinstance(made.body, str) else made.body or b""
        where = httpx.URL(made.url or "").raw_path.decode()
        response = border.send(method, where, holder, headers={k: _latin(v) for k, v in headers.items()}, content=content)
        seen[response.status_code] += 1
        judge(response, path)

    send()
    counted("api_cases", sum(seen.values()), operation=f"{method} {path}", kind=mode.value)


def _latin(value: Any) -> bytes:
    return str(value).encode("latin-1", "replace")


_ASK = b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}]'
BODIES = (
    b"", b" ", b"null", b"[]", b"1", b"{", b'{"model": NaN}',
    b'{"model": "tiny", "temperature": 1e999}', _ASK + b', "seed": 1' + b"0" * 400 + b"}",
    _ASK + b', "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", b'{"model": "\\ud800"}', b'{"model": "\xff"}',
    '{"model": "tiny"}'.encode("utf-16"),
    b'{"model": "tiny", "model": 1}', b'{"model": "' + b"a" * 100_000 + b'"}', b'{"model": "../../etc"}', b'{"model": "a\\u0000b"}',
    _ASK + b', "stream": "yes"}', _ASK + b', "stream": null}', _ASK + b', "messages": 1}', b'{"model": "tiny", "messages": [null, 1, []]}',
    b'{"model": "tiny", "messages": [{"content": [{"type": "image_url", "image_url": {"url": 1}}, 1, null]}]}', _ASK + b', "n": -1}',
    b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}",
)  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_breaks_the_router(border: Border, body: bytes) -> None:
    """At every endpoint."""
    for path in ENDPOINTS:
        judge(border.send("POST", path, "research", content=body, headers={"content-type": "application/json"}), path)
    counted("malformed_requests", len(ENDPOINTS), part="inference body")


@pytest.mark.parametrize(
    "header",
    [
        ("prefer", "wait=99999999999999999999"), ("prefer", "wait=-1"), ("prefer", 'wait="x", ,;=,=wait'), ("prefer", "," * 5000),
        ("x-slipway-wait", "²"), ("x-slipway-wait", "1e9"), ("x-slipway-wait", ""), ("last-event-id", "-1"), ("last-event-id", "9" * 5000),
        ("last-event-id", "ä"), ("x-request-id", "a b"), ("x-request-id", "a" * 5000), ("traceparent", "\xff"),
        ("origin", "https://evil.example"), ("authorization", "Basic eDp5"), ("content-type", "\xff"), ("accept-encoding", "br;q=x"),
    ],
    ids=str,
)  # fmt: skip
def test_no_header_breaks_the_router(border: Border, header: tuple[str, str]) -> None:
    """Each is understood, passed over, or refused."""
    for method, path, content in (
        ("POST", "/v1/chat/completions", _ASK.replace(b"tiny", b"asleep") + b"}"),
        ("GET", "/live/models/tiny/events", b""),
    ):
        judge(border.send(method, path, "research", content=content, headers={header[0]: header[1].encode("latin-1")}), path)
    counted("malformed_requests", 2, part="inference header")


_FILE = b'Content-Disposition: form-data; name="file"; filename="a.wav"'
_NAMED = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nlistener\r\n'
_FORM = _NAMED + b"--b\r\n" + _FILE + b"\r\n\r\nRIFF\r\n--b--\r\n"


VISIBLE = {
    "research": {"tiny", "vectors", "asleep", *OTHERS},
    "other": {"secret"},
    "asker": {"tiny", "vectors", "asleep", *OTHERS},
    "narrow": {"vectors"},
    "admin": {"tiny", "vectors", "asleep", "secret", *OTHERS},
}
CALLABLE = {holder: models | ({"closed"} if "tiny" in models else set()) for holder, models in VISIBLE.items()}
"""A closed model is in no list, and says that it is closed to those who ask it all the same."""
REFUSED = {"nobody": 401, "malformed": 401, "expired": 401, "reader": 403}


@pytest.mark.parametrize("holder", [*VISIBLE, *REFUSED])
def test_models_are_listed_shown_and_called_by_their_groups_alone(border: Border, holder: str) -> None:
    """Lists, single models, calls and live streams agree on what exists for whom; what is another's is answered as what never was."""
    listed = border.send("GET", "/v1/models", holder)
    if holder in REFUSED:
        assert listed.status_code == REFUSED[holder]
    else:
        assert {model["id"] for model in listed.json()["data"]} == VISIBLE[holder]
    for model in MODELS:
        shown = border.send("GET", f"/v1/models/{model}", holder)
        asked = border.send("POST", "/v1/chat/completions", holder, json={"model": model, "messages": [{"role": "user", "content": "x"}]})
        if holder in REFUSED:
            assert {shown.status_code, asked.status_code} == {REFUSED[holder]}
        elif model not in CALLABLE[holder]:
            absent = border.send("GET", "/v1/models/nowhere", holder)
            assert (shown.status_code, asked.status_code) == (404, 404)
            assert shown.text.replace(model, "…") == absent.text.replace("nowhere", "…")
        else:
            assert asked.status_code == {"tiny": 200, "secret": 200, "closed": 503, "asleep": 503}.get(model, 400)
    counted("authorisation_cells", 2 * len(MODELS) + 1, operation="inference")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_every_endpoint_asks_who_and_whether_they_may(border: Border, path: str) -> None:
    """Before anything else is said: no token, no scope, another's model and a token for other models, at each of them alike."""
    endpoint = ENDPOINTS[path]

    def ask(model: str, holder: str) -> httpx.Response:
        if endpoint.form:
            content, kind = _NAMED.replace(b"listener", model.encode()) + b"--b--\r\n", "multipart/form-data; boundary=b"
        else:
            content, kind = b'{"model": "%b"}' % model.encode(), "application/json"
        return border.send("POST", path, holder, content=content, headers={"content-type": kind})

    for holder, status in REFUSED.items():
        assert ask("tiny", holder).status_code == status
    absent = ask("nowhere", "research")
    assert absent.status_code == 404
    for model, holder in (("secret", "research"), ("tiny", "other"), ("tiny", "narrow")):
        refused = ask(model, holder)
        assert refused.status_code == 404
        assert _plain(refused, model) == _plain(absent, "nowhere")
    for model, task in {"tiny": "chat", "vectors": "embedding", **OTHERS}.items():
        if task not in endpoint.tasks:
            refused = ask(model, "research")
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (400, "task_not_supported")
            assert endpoints_of(task)
            assert all(where in error["message"] for where in endpoints_of(task))
    counted("authorisation_cells", len(REFUSED) + 4 + len(OTHERS), operation="inference endpoints")


def _plain(response: httpx.Response, model: str) -> str:
    return response.text.replace(model, "…").replace(response.headers["x-request-id"], "…")


@pytest.mark.parametrize("holder", [*VISIBLE, *REFUSED])
def test_streams_are_followed_by_who_may_read_the_model(border: Border, holder: str) -> None:
    """Reading needs its scope, then the group and the token's own restriction; 404 is the same for another's and for nobody's."""
    expected = {"nobody": 401, "malformed": 401, "expired": 401, "asker": 403}.get(holder)
    sees = {"research": {"tiny"}, "reader": {"tiny"}, "other": {"secret"}, "admin": {"tiny", "secret"}}.get(holder, set())
    texts = set()
    for model in ("tiny", "secret", "nowhere"):
        response = border.send("GET", f"/live/models/{model}/events", holder)
        assert response.status_code == (expected or (200 if model in sees else 404))
        if response.status_code == 404:
            texts.add(response.text.replace(model, "…").replace(response.headers["x-request-id"], "…"))
    assert len(texts) <= 1
    counted("authorisation_cells", 3, operation="live")


FORMS = (
    b"", b"--b", b"--b--", b"--b--\r\n", b"--b\r\n", _NAMED, _NAMED + b"--b--", _FORM, _FORM + b"x", b"x" + _FORM,
    _FORM.replace(b"\r\n", b"\n"),
    _FORM.replace(_FILE, _FILE + b"\r\n" + _FILE), _FORM.replace(b"listener\r\n", b"listener\r\n" + _NAMED, 1),
    _FORM.replace(b'"file"', b'"file'),
    _FORM.replace(_FILE, _FILE + b"\r\n folded"), _FORM.replace(b'"model"', b'"mod\\"el"'), _FORM.replace(b"form-data", b"attachment"),
    _FORM.replace(_FILE, b"x: " + b"y" * 5000), _NAMED * 100 + b"--b--", _FORM.replace(b"listener", b"\xff"),
    _FORM.replace(b"listener", b"l" * 200_000),
    _FORM.replace(b'"file"; filename="a.wav"', b'"stream"').replace(b"RIFF", b"maybe"),
)  # fmt: skip


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=b", 'multipart/form-data; boundary="b"', "multipart/form-data", "text/plain", ""]
)
def test_no_form_breaks_the_router(border: Border, content_type: str) -> None:
    """A form is understood whole or refused whole, whatever it says that it is."""
    paths = [path for path, endpoint in ENDPOINTS.items() if endpoint.form]
    understood = {TRANSCRIPTIONS, TRANSLATIONS} if "boundary" in content_type else set()
    for path in paths:
        for form in FORMS:
            response = border.send("POST", path, "research", content=form, headers={"content-type": content_type})
            judge(response, path)
            assert response.status_code in ({200} if form == _FORM and path in understood else {400, 404})
    counted("malformed_requests", len(paths) * len(FORMS), part="inference form")
