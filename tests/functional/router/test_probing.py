"""The running router finds out whether targets answer, and says so on the bus."""

from typing import Any

from contracts.routing import RouteHealthObserved
from tests.functional.router.conftest import PROVIDER_KEY, World
from tests.functional.router.platform import KEY_ARN, target
from tests.functional.router.stubs import StubEngine

THIRD_PARTIES = True
HELLO: Any = [{"role": "user", "content": "Hello"}]


def _provider(model_id: str, world: World, status: str = "probing", **provider: Any) -> None:
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": status}
    third_party = {"name": "openai", "model": "gpt-x", "api_base": f"{world.provider.url}/v1", "secret": KEY_ARN} | provider
    world.platform.route(
        model_id, hosting="provider", provider=third_party, targets=[row], state="probing" if status == "probing" else "open"
    )


def _observed(world: World, model_id: str, observed: str, phase: str | None = None) -> dict[str, Any]:
    def matches(event: dict[str, Any]) -> bool:
        data = event["detail"]["data"]
        told = event["DetailType"] == "RouteHealthObserved" and data["model_id"] == model_id
        return told and data["observed"] == observed and phase in {None, data["phase"]}

    return world.aws.wait_for_event(matches)


def test_a_loading_engine_is_watched_until_it_answers(world: World) -> None:
    """Progress, then readiness after a real completion, in the envelope that everybody reads."""
    with StubEngine("loading") as engine:
        engine.phase, engine.progress = "loading", 0.5
        world.platform.route("loading", state="probing", targets=[target(engine.port, status="probing")])
        progress = _observed(world, "loading", "progressing", "loading")
        assert progress["detail"]["data"]["progress"] == 0.5
        assert engine.requests == []
        engine.phase = "ready"
        event = _observed(world, "loading", "ready")
        assert engine.requests[0][0] == "/v1/chat/completions"
    assert (event["Source"], event["DetailType"], event["EventBusName"]) == ("slipway.routing", "RouteHealthObserved", "bus")
    metadata = event["detail"]["metadata"]
    assert (metadata["producer"], metadata["actor"], metadata["correlation_id"]) == ("routing", "router/router-0", "route:loading")
    assert RouteHealthObserved.model_validate(event["detail"]["data"]).target_id == "one"


def test_an_engine_that_failed_says_why(world: World) -> None:
    """The container's own code reaches the bus."""
    with StubEngine("broken") as engine:
        engine.phase, engine.failure = "failed", {"code": "weights-corrupt", "message": "m", "hint": "h"}
        world.platform.route("broken", state="probing", targets=[target(engine.port, status="probing")])
        assert _observed(world, "broken", "failed")["detail"]["data"]["failure"]["code"] == "weights-corrupt"


def test_an_engine_whose_answers_are_errors_is_not_ready(world: World) -> None:
    """A container that says ready and then refuses the first real completion is a failure with a code of ours."""
    with StubEngine("mute") as engine:
        engine.status = 400
        world.platform.route("mute", state="probing", targets=[target(engine.port, status="probing")])
        assert _observed(world, "mute", "failed")["detail"]["data"]["failure"]["code"] == "engine-answer-invalid"


def test_an_address_that_answers_for_another_model_is_not_ready(world: World) -> None:
    """Addresses are used again: a container of another model is no sign of life."""
    with StubEngine("somebody-else") as engine:
        world.platform.route("mine", state="probing", targets=[target(engine.port, status="probing")])
        _observed(world, "mine", "progressing", "connecting")
        assert engine.requests == []


def test_a_provider_answers_through_litellm(world: World) -> None:
    """Probed, then asked by the official client, plain and streamed, with the key that its secret holds."""
    _provider("foreign", world)
    _observed(world, "foreign", "ready")
    _provider("foreign", world, status="ready")
    world.router.follows(world.aws)
    client = world.router.client(world.token)
    completion = client.chat.completions.create(model="foreign", messages=HELLO, max_tokens=5, metadata={"api_base": "http://x"})
    assert (completion.choices[0].message.content, completion.model) == ("Hello", "foreign")
    assert world.provider.requests[-1]["model"] == "gpt-x"
    assert "metadata" not in world.provider.requests[-1]
    stream = client.chat.completions.create(model="foreign", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "Hello"


def test_a_provider_is_asked_with_tools(world: World) -> None:
    """Tools go to the third party: LiteLLM looks for no servers of its own to call them."""
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}
    third_party = {"name": "openai", "model": "gpt-x", "api_base": f"{world.provider.url}/v1", "secret": KEY_ARN}
    world.platform.route("handy", hosting="provider", provider=third_party, targets=[row], features={"tool_calls": True})
    world.router.follows(world.aws)
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    completion = world.router.client(world.token).chat.completions.create(model="handy", messages=HELLO, tools=tools)
    assert completion.choices[0].message.content == "Hello"
    assert world.provider.requests[-1]["tools"] == tools


def test_a_provider_of_embeddings(world: World) -> None:
    """Embeddings go through LiteLLM too."""
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}
    third_party = {"name": "openai", "model": "text-embedding-3-small", "api_base": f"{world.provider.url}/v1", "secret": KEY_ARN}
    world.platform.route("far-vectors", hosting="provider", task="embedding", provider=third_party, targets=[row])
    world.router.follows(world.aws)
    made = world.router.client(world.token).embeddings.create(model="far-vectors", input="x", encoding_format="float")
    assert made.data[0].embedding == [0.5, 0.25]


def test_a_provider_that_refuses_the_key(world: World) -> None:
    """A wrong key is a failure with its own code, and the key is nowhere in what we say."""
    wrong = KEY_ARN.replace("provider", "wrong")
    world.aws.secrets[wrong] = '{"api_key": "sk-wrong-canary"}'
    _provider("locked", world, secret=wrong)
    event = _observed(world, "locked", "failed")
    assert event["detail"]["data"]["failure"]["code"] == "provider-authentication-failed"
    assert "canary" not in event["Detail"]
    assert PROVIDER_KEY not in event["Detail"]


def test_a_provider_whose_secret_is_missing(world: World) -> None:
    """A secret that does not exist is a failure with its own code."""
    _provider("keyless", world, secret=KEY_ARN.replace("provider", "missing"))
    assert _observed(world, "keyless", "failed")["detail"]["data"]["failure"]["code"] == "provider-secret-unavailable"


def test_a_private_address_is_refused_when_the_connection_is_made(world: World) -> None:
    """A name that leads into this machine and is not on the list is not connected to."""
    before = len(world.provider.requests)
    _provider("inward", world, api_base=f"http://localhost:{world.provider.port}/v1")
    assert _observed(world, "inward", "failed")["detail"]["data"]["failure"]["code"] == "provider-address-refused"
    assert len(world.provider.requests) == before


def test_a_redirect_is_not_followed(world: World) -> None:
    """A provider cannot send us elsewhere."""
    before = len(world.provider.requests)
    _provider("moved", world, api_base=f"{world.provider.url}/moved/v1")
    assert _observed(world, "moved", "failed")["detail"]["data"]["failure"]["code"] == "provider-unreachable"
    assert len(world.provider.requests) == before
