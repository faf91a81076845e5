"""What callers, providers and engines say in confidence, through the router as a process and the supervisor as a process."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.inference import COUNT_TOKENS, IMAGES, MESSAGES, MODERATIONS, RERANK, RESPONSES, SPEECH, TRANSCRIPTIONS
from engine.child import Child, Command
from engine.classifier import classify
from engine.logs import JsonFormatter
from engine.state import State
from tests.borders.canaries.garden import Garden
from tests.borders.tasks import OTHERS
from tests.evidence import counted
from tests.functional.engine.harness import Engine, chat
from tests.functional.router.platform import KEY_ARN, PEPPER, Platform, RouterProcess, target, until
from tests.functional.router.stubs import ENGINE_KEY, StubAws, StubEngine, StubProvider

CHAT, TEXT, VECTORS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HEADERS = (
    "cookie",
    "x-api-key",
    "proxy-authorization",
    "x-amz-security-token",
    "user-agent",
    "referer",
    "x-forwarded-for",
    "baggage",
    "openai-organization",
)


@dataclass
class Town:
    """A router amid its stand-ins, and the garden that everything goes through."""

    garden: Garden
    aws: StubAws
    platform: Platform
    engine: StubEngine
    provider: StubProvider
    router: RouterProcess
    token: str
    state: Path

    def ask(self, path: str, document: Any, *, token: str | None = None, **headers: str) -> int:
        """POST, and keep the answer."""
        answer = self.router.post(path, self.token if token is None else token, document, **headers)
        self.garden.collect("answers", answer.content)
        self.garden.collect("answers", str(dict(answer.headers)))
        return answer.status_code

    def look_around(self) -> None:
        """Everything that has come out of the router, once its log has been read as far as the last request."""
        last = f"last-{len(self.garden.planted)}"
        self.ask("/v1/embeddings", b"", **{"x-request-id": last})
        until(lambda: any(line.get("request_id") == last for line in list(self.router.lines)))
        self.garden.collect("metrics", self.router.http.get("/metrics").text)
        self.garden.collect("logs", self.router.lines)
        self.garden.collect("events", [event["Detail"] for event in self.aws.events])
        self.garden.collect("events", self.aws.messages)
        self.garden.collect("sent on", [(path, headers, body.decode()) for path, headers, body in self.engine.requests])
        self.garden.collect("sent on", self.provider.requests)
        for file in self.state.rglob("*"):
            if file.is_file():
                self.garden.collect("files", file.read_bytes())


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A running router; its own credentials are canaries too."""
    garden, state = Garden(), tmp_path_factory.mktemp("state")
    key = garden.plant("key", "a provider's key")
    environment = {
        name: garden.plant("secret", f"the router's {name}")
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_API_KEY", "HF_TOKEN")
    }
    with StubAws() as aws, StubEngine() as engine, StubProvider(key) as provider:
        platform = Platform(aws)
        aws.secrets[KEY_ARN] = json.dumps({"api_key": key})
        platform.route(targets=[target(engine.port)], features={"tool_calls": True})
        for model_id, task in OTHERS.items():
            platform.route(model_id, task=task, targets=[target(engine.port)])
        _third_party(platform, "foreign", provider)
        token = garden.adopt("token", "a caller's token", platform.token())
        garden.adopt("secret", "the pepper", PEPPER.decode())
        garden.adopt("key", "the engines' key", ENGINE_KEY)
        router = RouterProcess(aws, state, **environment)
        try:
            router.wait_ready()
            router.follows(aws)
            yield Town(garden, aws, platform, engine, provider, router, token, state)
        finally:
            router.terminate()


def _third_party(platform: Platform, name: str, provider: StubProvider, secret: str = KEY_ARN, status: str = "ready", **route: Any) -> None:
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": status}
    spec = {"name": "openai", "model": "gpt-x", "api_base": f"{provider.url}/v1", "secret": secret}
    state = "open" if status == "ready" else "probing"
    platform.route(name, hosting="provider", provider=spec, targets=[row], state=state, features={"tool_calls": True}, **route)


def _conversations(garden: Garden, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    def said(where: str) -> str:
        return garden.plant("prompt", f"{model}: {where}")

    for role in ("system", "user", "assistant", "developer", "tool"):
        yield CHAT, {"model": model, "messages": [{"role": role, "content": said(role), "tool_call_id": said("tool_call_id")}]}
        yield CHAT, {"model": model, "messages": [{"role": role, "content": [{"type": "text", "text": said(f"{role}, a part")}]}]}
    call = {
        "id": said("a call's id"),
        "type": "function",
        "function": {"name": said("a call's name"), "arguments": json.dumps({"x": said("arguments")})},
    }
    yield CHAT, {"model": model, "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}], "user": said("user")}
    tool = {
        "type": "function",
        "function": {"name": said("a tool"), "description": said("its description"), "parameters": {"title": said("its schema")}},
    }
    yield CHAT, {"model": model, "messages": [{"role": "user", "content": said("with tools")}], "tools": [tool], "stop": [said("stop")]}
    yield CHAT, {"model": model, "messages": [{"role": "user", "content": said("streamed")}], "stream": True}
    yield TEXT, {"model": model, "prompt": said("prompt"), "suffix": said("suffix")}


def _others(garden: Garden) -> Iterator[tuple[str, dict[str, Any], int]]:
    """At every other endpoint that takes JSON: what is answered, and what is refused for one field or for its types."""

    def said(where: str) -> str:
        return garden.plant("prompt", where)

    for path, (model, fields) in {
        RESPONSES: ("tiny", ("input", "instructions", "metadata_x")),
        MESSAGES: ("tiny", ("system", "metadata_x")),
        COUNT_TOKENS: ("tiny", ("system",)),
        RERANK: ("ranker", ("query",)),
        IMAGES: ("painter", ("prompt",)),
        SPEECH: ("speaker", ("input", "instructions", "voice")),
        MODERATIONS: ("judge", ("input",)),
    }.items():
        body: dict[str, Any] = {"model": model, "documents": [said("a document")]} if path == RERANK else {"model": model}
        if path in {MESSAGES, COUNT_TOKENS}:
            body |= {"max_tokens": 4, "messages": [{"role": "user", "content": [{"type": "text", "text": said(f"a block at {path}")}]}]}
        yield path, body | {name: said(f"{name} at {path}") for name in fields}, 200
        beside = {name: said(f"{name} beside what is refused at {path}") for name in fields}
        yield path, body | beside | {"api_base": said("an address")}, 400
        yield path, body | {name: {"x": said(f"{name} of the wrong type at {path}")} for name in fields}, 400


def _form(garden: Garden, **more: str) -> bytes:
    """A recording with its fields, each of which is a canary."""
    fields = {
        "model": "listener",
        "prompt": garden.plant("prompt", "a recording's prompt"),
        "language": garden.plant("prompt", "a language"),
    } | more
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    name, sound = garden.plant("prompt", "a file's name"), garden.plant("prompt", "a recording")
    parts.append(f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}.wav"\r\n\r\n{sound}\r\n--b--\r\n')
    return "".join(parts).encode()


def _malformed(garden: Garden) -> Iterator[bytes | dict[str, Any]]:
    def secret(where: str) -> str:
        return garden.plant("prompt", where)

    yield f'{{"model": "tiny", "messages": [{{"content": "{secret("a body that is cut off")}"'.encode()
    yield b"\xff\xfe" + secret("a body that is no text").encode()
    yield f'"{secret("a body that is a text")}"'.encode()
    yield ("[" * 100 + f'"{secret("a deep body")}"' + "]" * 100).encode()
    yield {"model": "tiny", "messages": secret("messages of the wrong type"), "stream": "yes"}
    yield {"model": "tiny", "messages": [{"role": "user", "content": [{"type": "video_url", "video_url": secret("a video")}]}]}
    yield {
        "model": "tiny",
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": f"https://{secret('address')}.example/"}]}],
    }
    yield {"model": {"x": secret("a model of the wrong type")}, "messages": []}
    yield {"messages": [{"content": secret("no model")}]}
    for name in ("api_key", "api_base", "extra_headers", "metadata_x", "litellm_params", "aws_secret_access_key"):
        yield {"model": "foreign", "messages": [], name: secret(f"field {name}")}


def test_the_router_keeps_what_it_is_told(town: Town) -> None:
    """Prompts, answers, keys, tokens, headers, broken bodies: to those they are for, and to no log, event, metric, file or other answer."""
    garden, before = town.garden, len(town.garden.planted)
    for model in ("tiny", "foreign"):
        for path, document in _conversations(garden, model):
            assert town.ask(path, document, **{name: garden.plant("secret", f"header {name}") for name in HEADERS}) == 200, document
    for body in _malformed(garden):
        assert town.ask(CHAT, body) == 400
    for path, document, status in _others(garden):
        assert town.ask(path, document) == status, document
    for form, status in (
        (_form(garden), 200),
        (_form(garden, api_key=garden.plant("secret", "a form's field")), 400),
        (_form(garden)[:-9], 400),
    ):
        assert town.ask(TRANSCRIPTIONS, form, **{"Content-Type": "multipart/form-data; boundary=b"}) == status
    for number in range(10):
        said = garden.plant("answer", "a model's answer")
        town.engine.refusal = {"choices": [{"message": {"content": said}}], "id": number}
        assert town.ask(CHAT, {"model": "tiny", "messages": []}) == 200
    for status in (400, 404, 422, 429, 500, 503):
        town.engine.status = status
        town.engine.refusal = {"error": {"message": garden.plant("answer", f"an engine's {status}"), "type": "x"}}
        town.ask(CHAT, {"model": "tiny", "messages": [{"role": "user", "content": garden.plant("prompt", f"before a {status}")}]})
    for scheme in ("Bearer", "Basic", "Digest", "Token"):
        token = garden.plant("secret", f"Authorization {scheme}")
        garden.collect("answers", town.router.http.post(CHAT, headers={"Authorization": f"{scheme} {token}"}, content=b"{}").content)
        assert town.ask(CHAT, {"model": "tiny"}, token=f"slp_{token}") == 401
    for name in ("api_key", "token", "x"):
        assert town.ask(f"{CHAT}?{name}={garden.plant('secret', f'query {name}')}", {"model": "nobody"}) == 404
    assert town.ask(CHAT, {"model": garden.plant("name", "a model that is not there"), "messages": []}) == 404
    assert town.ask("/v1/" + garden.plant("path", "a path"), {}) == 404
    town.look_around()
    assert garden.leaks() == []
    assert garden.seen("prompt", "sent on") > 30  # the nets hold where something must be
    assert garden.seen("answer", "answers") >= 10
    assert garden.seen("path", "logs") == 1
    counted("canaries_planted", len(garden.planted) - before, context="router")
    counted("canaries_leaked", 0, context="router")


ODD_SECRETS = (
    *("plain {}", "{}\r\nX-Evil: 1", '{{"api_key": "{}\\r\\nX-Evil: 1"}}', '{{"api_key": "{}\\u00e9"}}', '{{"token": "{}"}}', '["{}"]'),
    '{{"api_key": ["{}"]}}',
)


def test_a_providers_key_that_does_not_fit_is_not_told(town: Town) -> None:
    """Wrong, with line ends, in another form: the probe fails with a code, and the key is in none of its words."""
    garden, before = town.garden, len(town.garden.planted)
    for number, secret in enumerate(ODD_SECRETS):
        name, arn = f"odd-{number}", KEY_ARN.replace("provider", f"odd{number}")
        town.aws.secrets[arn] = secret.format(garden.plant("key", secret))
        _third_party(town.platform, name, town.provider, arn, status="probing")
        told = town.aws.wait_for_event(lambda event, name=name: _failed(event, name))  # type: ignore[misc]
        assert told["detail"]["data"]["failure"]["code"].startswith("provider-")
        _third_party(town.platform, name, town.provider, arn)
    town.router.follows(town.aws)
    for number, secret in enumerate(ODD_SECRETS):
        messages = [{"role": "user", "content": garden.plant("prompt", f"beside {secret}")}]
        assert town.ask(CHAT, {"model": f"odd-{number}", "messages": messages}) >= 400
        assert town.ask(CHAT, {"model": f"odd-{number}", "messages": messages, "stream": True}) >= 400
    town.look_around()
    assert garden.leaks() == []
    counted("canaries_planted", len(garden.planted) - before, context="provider keys")


def _failed(event: dict[str, Any], name: str) -> bool:
    data = event["detail"]["data"]
    return bool(data.get("model_id") == name and data.get("observed") == "failed")


def test_a_supervisor_keeps_what_it_is_told(tmp_path: Path) -> None:
    """Keys of its environment, prompts and answers' requests are in neither its log nor its status nor its metrics."""
    garden = Garden()
    names = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "OPENAI_API_KEY")
    environment = {name: garden.plant("secret", f"the container's {name}") for name in names}
    key = garden.plant("key", "the engines' key")
    with Engine(environment | {"ENGINE_API_KEY": key, "SLIPWAY_CACHE_DIR": str(tmp_path)}) as engine:
        engine.wait_for_phase("ready")
        for role in ("system", "user", "assistant", "tool"):
            body = chat(messages=[{"role": role, "content": garden.plant("prompt", role)}])
            assert engine.request("POST", CHAT, body, key)[0] == 200
            garden.collect("answers", engine.request("POST", CHAT, body, garden.plant("secret", "a wrong key"))[2])
        for path in ("/v1/unknown", f"{CHAT}?key={garden.plant('secret', 'a query')}"):
            garden.collect("answers", engine.request("GET", path, None, key)[2])
        engine.request("POST", CHAT, garden.plant("prompt", "a body that is a text"), key)
        for path in ("/status", "/metrics", "/health/ready"):
            garden.collect("metrics", engine.request("GET", path, None, None)[2])
        engine.terminate()
        assert engine.wait_for_end() == 0
    garden.collect("logs", engine.log)
    assert garden.sinks["logs"]
    assert garden.leaks() == []
    counted("canaries_planted", len(garden.planted), context="supervisor")
    counted("canaries_leaked", 0, context="supervisor")


@pytest.mark.parametrize("secret", ["cnry-plain-0123456789", 'cnry-"quoted"-\\-0123456789', "cnry-\u00fc-0123456789"])
def test_what_an_engine_prints_of_a_secret_is_not_told_on(secret: str) -> None:
    """An engine that dies with its key in its last words: neither the log nor the cause, which travels to events and tables, holds it."""
    formatter = JsonFormatter(State())
    formatter.hide(secret)
    lines: list[str] = []

    async def run() -> str:
        program = f"import json; print(json.dumps({{'key': {secret!r}}})); print({'x' * 8150!r} + {secret!r}); raise ValueError({secret!r})"
        child = Child(Command([sys.executable, "-c", program], {"PYTHONIOENCODING": "utf-8"}), lines.append, formatter.clean)
        await child.start()
        death = await child.wait()
        return f"{classify(death.lines, death.returncode).message} {death.lines}"

    told = asyncio.run(run())
    assert "ValueError" in told
    assert len(lines) >= 3
    for text in (told, *lines):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
        assert "0123" not in text
    counted("canaries_planted", 1, context="engines")
