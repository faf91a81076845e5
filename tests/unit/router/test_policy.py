"""What requests may ask, and in what shape they are refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.inference import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES
from router import policy
from router.engines import normalised
from router.errors import ApiError
from router.identity import Caller
from router.provider_calls import fields_for
from router.routes import Prepared, RouteTable
from tests.unit.router.fakes import route, target


def _prepared(**changes: Any) -> Prepared:
    return RouteTable().parse(route(**changes))[2]


def _code(document: dict[str, Any], path: str = CHAT, **changes: Any) -> str:
    try:
        policy.check(document, _prepared(**changes), path)
    except ApiError as error:
        return error.code if error.status == 400 else str(error.status)
    return ""


@pytest.mark.parametrize("name", sorted(policy.REDIRECTING) + [f"{prefix}x" for prefix in policy.REDIRECTING_PREFIXES])
def test_no_field_can_redirect_a_call(name: str) -> None:
    """Each field that would change where a call goes is refused, on the way to engines and to third parties."""
    assert _code({"model": "tiny", name: None}) == "field_not_allowed"
    with pytest.raises(ApiError):
        fields_for(CHAT, {name: "x"})


def test_litellm_gets_openais_fields_only() -> None:
    """Book-keeping fields are dropped, nulls too, and anything else is named in the refusal."""
    assert fields_for(CHAT, {"model": "m", "metadata": {"x": 1}, "messages": [], "temperature": None}) == {"messages": []}
    with pytest.raises(ApiError, match="guided_json"):
        fields_for(COMPLETIONS, {"prompt": "x", "guided_json": {}})


@pytest.mark.parametrize(
    "document",
    [{"n": "100"}, {"n": 129}, {"n": -1}, {"n": 1.0}, {"n": True}, {"best_of": 10**6}, {"max_tokens": "9"}, {"max_completion_tokens": 1e9},
     {"max_output_tokens": 10**30}, {"max_tokens": [1]}],
    ids=str,
)  # fmt: skip
def test_a_count_is_a_number_within_reason(document: dict[str, Any]) -> None:
    """Engines make numbers of texts and fractions; what limits did not see as a number they could not hold to."""
    assert _code(document) == "invalid_value"
    assert _code({"n": 2, "best_of": 2, "max_tokens": 0, "max_completion_tokens": None}) == ""


def test_a_completion_takes_so_many_prompts() -> None:
    """Each is a generation of its own; the tokens of one prompt are not counted so."""
    assert _code({"prompt": ["x"] * 129}, COMPLETIONS) == "too_many_prompts"
    assert _code({"prompt": [["x"]] * 129}, COMPLETIONS) == "too_many_prompts"
    assert (
        _code({"prompt": ["x"] * 128}, COMPLETIONS)
        == _code({"prompt": [1] * 1000}, COMPLETIONS)
        == _code({"prompt": []}, COMPLETIONS)
        == ""
    )


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize(
    ("document", "features", "code"),
    [
        ({"stream": True}, {"streaming": False}, "streaming_not_supported"),
        ({"stream": True}, {}, ""),
        ({"stream": "yes"}, {}, "invalid_type"),
        ({"tools": [{}]}, {}, "tools_not_supported"),
        ({"tools": [], "tool_choice": "none"}, {}, ""),
        ({"tools": [{}]}, {"tool_calls": True}, ""),
        ({"messages": [{"content": [IMAGE]}]}, {}, "images_not_supported"),
        ({"messages": [{"content": [IMAGE]}]}, {"image_input": True}, ""),
        (
            {"messages": [{"content": [{"type": "image_url", "image_url": "http://10.0.0.1/x.png"}]}]},
            {"image_input": True},
            "image_url_not_allowed",
        ),
        ({"messages": [{"content": [{"type": "video_url"}]}]}, {"image_input": True}, "input_not_supported"),
        ({"messages": [{"content": [{"type": "text", "text": "x"}]}, "odd", {"content": "x"}]}, {}, ""),
        ({"messages": [{"content": [{"image_url": "http://10.0.0.1/x.png"}]}]}, {"image_input": True}, "input_not_supported"),
        (
            {"messages": [{"content": [{"type": "text", "uuid": "u", "video_url": "http://x"}]}]},
            {"image_input": True},
            "input_not_supported",
        ),
        ({"messages": [{"content": {"type": "image_url", "image_url": "http://x"}}]}, {"image_input": True}, "input_not_supported"),
        ({"messages": [{"content": [{"type": "image_url"}]}]}, {"image_input": True}, "image_url_not_allowed"),
        ({"messages": [{"content": [{"type": ["text"]}]}]}, {"image_input": True}, "input_not_supported"),
        ({"tools": [{"type": "mcp", "server_url": "http://169.254.170.2"}]}, {"tool_calls": True}, "tool_not_allowed"),
    ],
)
def test_features_are_enforced(document: dict[str, Any], features: dict[str, Any], code: str) -> None:
    """A request may use what the model's row allows and nothing else."""
    assert _code(document, features=features) == code


@pytest.mark.parametrize(
    "document",
    [{"messages": [{"content": [IMAGE]}]}, {"input": [{"image": "http://10.0.0.1/x.png"}]}, {"input": {"url": "http://10.0.0.1"}}],
)
def test_embeddings_take_text_and_tokens(document: dict[str, Any]) -> None:
    """Engines that embed images would fetch them: neither messages with images nor objects go through."""
    assert policy.check({"input": ["x", [1, 2]]}, _prepared(task="embedding"), EMBEDDINGS) is False
    with pytest.raises(ApiError):
        policy.check(document, _prepared(task="embedding"), EMBEDDINGS)


@pytest.mark.parametrize(
    ("task", "path", "fits"),
    [
        ("chat", CHAT, True),
        ("chat", COMPLETIONS, True),
        ("chat", EMBEDDINGS, False),
        ("completion", CHAT, False),
        ("embedding", EMBEDDINGS, True),
    ],
)
def test_tasks_are_enforced(task: str, path: str, fits: bool) -> None:
    """The wrong endpoint is refused with the names of the right ones."""
    prepared = _prepared(task=task)
    if fits:
        prepared.check_task(path)
    else:
        with pytest.raises(ApiError, match="/v1/") as refused:
            prepared.check_task(path)
        assert refused.value.status == 400


def test_defaults_are_merged_only_where_nothing_is_said() -> None:
    """Without a gap the very same bytes go on; null is saying nothing; either name of the token limit counts."""
    prepared = _prepared(generation_defaults={"max_tokens": 5, "temperature": 0.5})
    full = b'{ "max_completion_tokens": 9, "temperature": 0 }'
    assert policy.with_defaults(full, orjson.loads(full), prepared, CHAT) is full
    gap = b'{"temperature": null}'
    assert orjson.loads(policy.with_defaults(gap, orjson.loads(gap), prepared, CHAT)) == {"temperature": 0.5, "max_tokens": 5}


def test_a_third_party_gets_the_defaults_that_it_takes() -> None:
    """`top_k` is Anthropic's and not OpenAI's; a caller's own is refused by name, as every field that would not go on."""
    given = {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["."], "seed": 7}
    prepared = _prepared(hosting="provider", targets=[], provider={"name": "openai", "model": "gpt-x"}, generation_defaults=given)
    for path in (CHAT, COMPLETIONS, RESPONSES, MESSAGES):
        missing = policy.missing_defaults({}, prepared, path)
        assert fields_for(path, missing).keys() >= missing.keys() >= {"temperature", "top_p"}
        assert ("top_k" in missing) == (path == MESSAGES)
        with pytest.raises(ApiError) as refused:
            fields_for(path, {"min_p": 0.1})
        assert (refused.value.status, refused.value.code, refused.value.param) == (400, "unknown_field", "min_p")
    ours = _prepared(generation_defaults=given)
    assert policy.missing_defaults({}, ours, CHAT) == given


VALUES: st.SearchStrategy[Any] = st.deferred(
    lambda: st.integers() | st.text(max_size=3) | st.lists(VALUES, max_size=3) | st.dictionaries(st.text(max_size=2), VALUES, max_size=3)
)


@given(VALUES)
def test_depth_is_measured_exactly(value: Any) -> None:
    """Whatever the document, it is refused if and only if it is nested deeper than the limit."""

    def depth(inner: Any) -> int:
        members = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else None
        return 0 if members is None else 1 + max((depth(member) for member in members), default=0)

    document = {"x": value}
    body = orjson.dumps(document) if not _has_big_integer(value) else b"{}"
    limit = 3
    if body != b"{}" and depth(document) > limit:
        with pytest.raises(ApiError, match="nested"):
            policy.parse(body, limit)
    else:
        policy.parse(body, limit)


def _has_big_integer(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return (isinstance(value, int) and not -(2**63) <= value < 2**64) or any(_has_big_integer(member) for member in members)


@pytest.mark.parametrize(
    ("groups", "caller", "allowed"),
    [
        (["research"], Caller("x", frozenset({"research"})), True),
        (["research"], Caller("x", frozenset({"other"})), False),
        (["*"], Caller("x", frozenset()), True),
        (["research"], Caller("x", frozenset(), admin=True), True),
        (["*"], Caller("x", frozenset(), models=frozenset({"other"})), False),
        (["research"], Caller("x", frozenset(), admin=True, models=frozenset({"other"})), False),
    ],
)
def test_who_may_use_a_model(groups: list[str], caller: Caller, allowed: bool) -> None:
    """One of the model's groups, or everybody's model, or the administrator; and always within the token's own models."""
    assert _prepared(allowed_groups=groups).allows(caller) is allowed


def test_a_target_with_an_ipv6_address_is_reachable() -> None:
    """Brackets go round it."""
    assert _prepared(targets=[target("x", address="fd00::1")]).ready[0].origin == "http://[fd00::1]:8080"


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (
            400,
            b'{"error": {"message": "maximum context length is 8", "code": 400}}',
            "context_length_exceeded",
            "maximum context length is 8",
        ),
        (400, b'{"error": {"message": "no", "code": "own_code"}}', "own_code", "no"),
        (400, b'{"message": "flat"}', "invalid_request", "flat"),
        (429, b'{"error": "slow down"}', "rate_limit_exceeded", "slow down"),
        (422, b"<html>", "invalid_request", "The engine refused the request."),
    ],
)
def test_engines_refusals_have_one_shape(status: int, body: bytes, code: str, message: str) -> None:
    """Whatever an engine says, the caller reads OpenAI's shape with a textual code."""
    error = orjson.loads(normalised(status, body).body())["error"]
    assert (error["code"], error["message"]) == (code, message)
    assert set(error) == {"message", "type", "param", "code"}
