"""What an administrator may register as a third party's address."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.model import UNGUARDED_PROVIDERS, Provider
from router.addresses import is_public as is_public_to_routers
from serving.adapters.addresses import ResolvingGuard
from serving.domain.addresses import is_public
from tests.borders.ssrf.spellings import PUBLIC, REFUSED, TAKEN, resolve
from tests.evidence import counted, scaled
from tests.functional.serving import samples
from tests.functional.serving.world import Serving, serving_world

GUARD = ResolvingGuard(["llm.internal"], resolve)


def _taken(api_base: str) -> bool:
    try:
        provider = Provider.validate_document({"name": "openai", "model": "m", "api_base": api_base})
    except ValidationError:
        return False
    return GUARD.refusal(str(provider.api_base)) is None


@pytest.mark.parametrize("api_base", REFUSED)
def test_refused_at_registration(api_base: str) -> None:
    """Every spelling of an address inside is refused before anything is written."""
    assert not _taken(api_base)
    counted("ssrf_spellings_refused", 1, where="registration")


@pytest.mark.parametrize("api_base", TAKEN)
def test_taken_at_registration(api_base: str) -> None:
    """What is public, or listed by the environment, is taken: the refusals are no accident of the table."""
    assert _taken(api_base)


def test_refused_by_the_api_itself() -> None:
    """The real door says which field it is, writes nothing, and repeats nothing of what was sent."""
    addresses = ("https://169.254.169.254/", "https://good@127.1/", "http://93.184.216.34/", "https://[fec0::1]/", "https://①②⑦.⓪.⓪.①/")
    with serving_world() as serving:
        for api_base in addresses:
            status, problem = serving.create(samples.provider(provider=_spec(api_base=api_base)))
            assert (status, problem["errors"][0]["path"]) == (422, "provider.api_base")
        _nothing_is_there(serving)


@pytest.mark.parametrize("model", ["http://169.254.170.2/v2", "https://x", "a//b", "x/../../y", "..", "HTTP://x"])
def test_a_models_name_is_no_address(model: str) -> None:
    """Some of LiteLLM's clients call the model's name where it looks like an address."""
    with pytest.raises(ValidationError):
        Provider.validate_document({"name": "huggingface", "model": model})


@pytest.mark.parametrize("name", sorted(UNGUARDED_PROVIDERS))
def test_providers_that_nobody_can_watch_are_not_offered(name: str) -> None:
    """A client that makes connections of its own would go round every check."""
    with pytest.raises(ValidationError, match="not offered"):
        Provider.validate_document({"name": name, "model": "m"})


@settings(max_examples=scaled(400), deadline=None)
@given(
    st.ip_addresses() | st.ip_addresses(network="64:ff9b::/95") | st.ip_addresses(network="2002::/16") | st.ip_addresses(network="::/80")
)
def test_registration_and_routers_judge_alike(address: Any) -> None:
    """The two checks, which share no code, agree about every address: neither is the weaker one."""
    assert is_public(str(address)) == is_public_to_routers(str(address))
    counted("addresses_judged_alike", 1)


@given(st.sampled_from(sorted(PUBLIC)))
def test_public_is_public(address: str) -> None:
    """Neither check refuses everything."""
    assert is_public(address)
    assert is_public_to_routers(address)


def _spec(**changes: Any) -> dict[str, Any]:
    return {"name": "openai", "model": "m", **changes}


def _nothing_is_there(serving: Serving) -> None:
    status, listed, _ = serving.http("list_models", "GET", "/models", samples.ADMIN)
    assert (status, json.dumps(listed["items"])) == (200, "[]")
