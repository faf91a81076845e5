"""What a caller puts into a request cannot move it elsewhere, change its key, or make anybody fetch something."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.inference import CHAT, COMPLETIONS, EMBEDDINGS
from contracts.model import Provider
from router import policy, provider_calls
from router.errors import ApiError
from router.providers import ProviderClient
from router.routes import Prepared, RouteTable
from tests.evidence import counted, scaled
from tests.unit.router.fakes import route

BASE, KEY = "https://good.example/v1", "the-providers-own-key"
OURS = {"model", "api_key", "api_base", "timeout", "num_retries", "max_retries", "_skip_mcp_handler"}
ELSEWHERE = "http://169.254.170.2/evil"
NAMES = sorted(policy.REDIRECTING)
TRICKS = [
    *NAMES, "metadata", "model", "store", "user", "Api_Base", "API_BASE", "api-base", "apiBase", "endpoint",
    "aws_region_name", "vertex_project",
          "litellm_metadata", "litellm_params", "litellm_session_id", "azure_ad_token", "optional_params", "provider_specific_fields",
          "__class__",
]  # fmt: skip


class _Secrets:
    async def get(self, arn: str) -> str:
        return KEY


class _Answer:
    def model_dump(self, **_: object) -> dict[str, Any]:
        return {"model": "x"}


def _prepared() -> Prepared:
    provider = {
        "name": "openai",
        "model": "gpt-x",
        "api_base": BASE,
        "secret": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:k-abc123",
    }
    row = {"target_id": "provider", "version": "1.0.0", "kind": "provider", "status": "ready"}
    features = {"tool_calls": True, "image_input": True}
    return RouteTable().parse(route(hosting="provider", provider=provider, targets=[row], features=features))[2]


def _called(document: dict[str, Any], path: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any] | None:
    """What LiteLLM is called with, None where the request is refused before."""
    heard: list[dict[str, Any]] = []

    async def call(**fields: Any) -> _Answer:
        heard.append(fields)
        return _Answer()

    for name in ("acompletion", "atext_completion", "aembedding"):
        monkeypatch.setattr(f"litellm.{name}", call)
    prepared = _prepared()
    try:
        policy.check(document, prepared, path)
        asyncio.run(ProviderClient(_Secrets(), 1).answer(prepared.route, path, document))
    except ApiError as error:
        if error.status != 400:
            raise
        return None
    return heard[0]


@pytest.fixture(scope="module", autouse=True)
def _litellm() -> None:
    import os
    import warnings

    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm  # noqa: F401


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, EMBEDDINGS])
@settings(max_examples=scaled(60), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(TRICKS) | st.text(max_size=20),
        st.just(ELSEWHERE) | st.just({"api_base": ELSEWHERE, "api_key": "x"}) | st.just([{"litellm_params": {"api_base": ELSEWHERE}}]),
        max_size=3,
    )
)
def test_nothing_in_a_body_redirects_a_call(path: str, tricks: dict[str, Any]) -> None:
    """Whatever a request has: refused, or LiteLLM is called at the registered address, with the registered key and OpenAI's fields."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        called = _called({"model": "tiny", "messages": [], "input": "x", "prompt": "x"} | tricks, path, monkeypatch)
    if called is not None:
        assert (called["api_base"], called["api_key"], called["model"]) == (BASE, KEY, "openai/gpt-x")
        assert called.keys() <= OURS | policy_fields(path)
        assert (called["timeout"], called["num_retries"], called["max_retries"]) == (1, 0, 0)
    counted("bodies_that_tried_to_redirect", 1)


@pytest.mark.parametrize("name", NAMES)
def test_each_redirecting_field_is_refused_by_name(name: str) -> None:
    """A clear refusal, rather than a field that is passed over in silence."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert _called({"model": "tiny", "messages": [], name: ELSEWHERE}, CHAT, monkeypatch) is None


FETCHES: list[Any] = [
    {"type": "image_url", "image_url": {"url": ELSEWHERE}}, {"type": "image_url", "image_url": ELSEWHERE}, {"image_url": ELSEWHERE},
    {"type": "input_image", "image_url": ELSEWHERE}, {"type": "image", "source": {"type": "url", "url": ELSEWHERE}}, {"type": "image",
    "image": ELSEWHERE},
    {"type": "text", "text": "x", "image_url": ELSEWHERE}, {"type": "text", "uuid": "u", "audio_url": ELSEWHERE},
    {"video_url": {"url": ELSEWHERE}},
    {"type": "audio_url", "audio_url": {"url": ELSEWHERE}}, {"type": "file", "file": {"file_id": ELSEWHERE}}, {"type": "input_file",
    "file_url": ELSEWHERE},
    {"type": "image_url", "image_url": {"url": "DATA:image/png;base64,AA=="}}, {"type": "image_url",
    "image_url": {"url": " " + ELSEWHERE}},
    {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, {"type": "image_url", "image_url": {"url": "s3://bucket/key"}},
    {"type": "image_url", "image_url": {"url": "gs://bucket/key"}}, {"type": "image_url", "image_url": None},
    {"type": None, "image_url": ELSEWHERE},
    {"type": "image_url", "image_url": {"url": ["data:image/png;base64,AA=="]}}, {"type": "document", "source": {"url": ELSEWHERE}},
]  # fmt: skip


@pytest.mark.parametrize("part", FETCHES, ids=json.dumps)
def test_no_part_of_a_message_is_fetched(part: Any) -> None:
    """Engines and LiteLLM fetch what they are shown; from inside, and so nothing with an address gets as far."""
    for content in ([part], part, [{"type": "text", "text": "x"}, part]):
        with pytest.raises(ApiError) as refused:
            policy.check({"messages": [{"role": "user", "content": content}]}, _prepared(), CHAT)
        assert refused.value.status == 400
    counted("fetching_parts_refused", 1)


def test_an_image_may_be_sent_inline() -> None:
    """The refusals leave what callers need."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    content = [image, {"type": "text", "text": "what is this?"}]
    assert policy.check({"messages": [{"role": "user", "content": content}]}, _prepared(), CHAT) is False


@pytest.mark.parametrize(
    "named", ["arn:aws:secretsmanager:eu-west-1:0:secret:pepper-abc123", "arn:aws:secretsmanager:eu-west-1:0:secret:pepper"]
)
def test_the_platforms_own_secrets_are_no_providers_key(named: str) -> None:
    """Who may register models could otherwise have the pepper sent as a key to an address of theirs."""
    client = ProviderClient(_Secrets(), 1, own=("arn:aws:secretsmanager:eu-west-1:0:secret:pepper-abc123",))
    with pytest.raises(ApiError, match="platform's own"):
        asyncio.run(client._key(Provider.model_construct(name="openai", model="m", secret=named)))


def policy_fields(path: str) -> frozenset[str]:
    """OpenAI's own fields for an endpoint."""
    return provider_calls._FIELDS[path]
