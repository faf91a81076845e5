"""People sign in to the user pool, and their own tokens open what their groups may see: on the management API and at the router."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.platform import Platform, Started

MODEL = "cells"
ADMINISTRATORS = "slipway-admins"


@pytest.fixture(scope="module")
def lab(started: Started) -> Iterator[Platform]:
    """A model for biologists only, in service."""
    platform = started.platform
    assert platform.settled(platform.call("POST", "/models", platform.parrot(MODEL, ["biologists"])))["status"] == "Succeeded"
    platform.issue("the laboratory's", ["biologists"], ["inference"])  # the router has the table by now
    yield platform
    platform.settled(platform.call("DELETE", f"/models/{MODEL}"))


def sign_in(platform: Platform, name: str, *groups: str) -> dict[str, str]:
    """Make a person of these groups and sign in: Cognito's answer, IdToken and AccessToken in it."""
    cognito, pool, user = platform.aws("cognito-idp"), platform.values["USER_POOL_ID"], f"{name}.{secrets.token_hex(3)}@slipway.local"
    password = f"Aa1!{secrets.token_urlsafe(20)}"
    attributes = [{"Name": "email", "Value": user}, {"Name": "email_verified", "Value": "true"}]
    cognito.admin_create_user(
        UserPoolId=pool, Username=user, MessageAction="SUPPRESS", UserAttributes=attributes, TemporaryPassword=password
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username=user, Password=password, Permanent=True)
    known = {group["GroupName"] for group in cognito.list_groups(UserPoolId=pool)["Groups"]}
    for group in groups:
        if group not in known:
            cognito.create_group(UserPoolId=pool, GroupName=group)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=user, GroupName=group)
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=platform.values["USER_POOL_CLIENT_ID"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": password},
    )
    result: dict[str, str] = answer["AuthenticationResult"]
    return result


@pytest.fixture(scope="module")
def member(lab: Platform) -> dict[str, str]:
    """A biologist's tokens."""
    return sign_in(lab, "ada", "biologists")


def test_the_token_is_one_that_the_pool_has_signed(lab: Platform, member: dict[str, str]) -> None:
    """RS256, under a key of the pool's own published set, for this application: nothing that a test has made."""
    pool = lab.values["USER_POOL_ID"]
    keys = jwt.PyJWKClient(f"{lab.values['AWS_ENDPOINT_URL']}/{pool}/.well-known/jwks.json")
    header = jwt.get_unverified_header(member["IdToken"])
    assert header["alg"] == "RS256"
    key = keys.get_signing_key_from_jwt(member["IdToken"])
    claims = jwt.decode(member["IdToken"], key, algorithms=["RS256"], audience=lab.values["USER_POOL_CLIENT_ID"])
    assert (claims["cognito:groups"], claims["iss"].rsplit("/", 1)[-1]) == (["biologists"], pool)


def test_a_member_sees_the_model_and_is_answered(lab: Platform, member: dict[str, str]) -> None:
    """Both lists name it, and a chat completion comes through the router, plain and streamed."""
    token = member["IdToken"]
    assert MODEL in lab.visible(token)
    assert [model["model_id"] for model in lab.call("GET", "/models?prefix=cells", token=token).json["items"]] == [MODEL]
    assert lab.call("GET", f"/models/{MODEL}", token=token).json["status"] == "InService"
    plain = lab.ask(MODEL, token=token)
    assert (plain.status, plain.json["choices"][0]["finish_reason"] in {"stop", "length"}) == (200, True), plain.text
    streamed = lab.ask(MODEL, token=token, stream=True)
    assert (streamed.status, streamed.text.strip().splitlines()[-1]) == (200, "data: [DONE]")


def test_a_member_may_read_and_ask_and_no_more(lab: Platform, member: dict[str, str]) -> None:
    """Who is no administrator neither creates nor deletes nor gives out tokens: 403 with the problem's code, and the model stays."""
    token, wish = member["IdToken"], lab.parrot("stolen", ["biologists"])
    grant = {"name": "mine", "groups": ["biologists"], "scopes": ["inference"]}
    for method, path, body in (("POST", "/models", wish), ("DELETE", f"/models/{MODEL}", None), ("POST", "/tokens", grant)):
        reply = lab.call(method, path, body, token=token)
        assert (reply.status, reply.json["code"]) == (403, "scope-missing"), (method, path, reply.text)
    assert lab.call("GET", f"/models/{MODEL}").json["status"] == "InService"


def test_others_do_not_know_the_model(lab: Platform) -> None:
    """A chemist, and somebody of no group at all, are let in and find no such model on either side."""
    for name, groups in (("marie", ["chemists"]), ("nobody", [])):
        token = sign_in(lab, name, *groups)["IdToken"]
        assert MODEL not in lab.visible(token)
        assert lab.ask(MODEL, token=token).status == 404
        assert lab.call("GET", "/models", token=token).json["items"] == []
        for path in ("", "/events", "/versions"):
            assert lab.call("GET", f"/models/{MODEL}{path}", token=token).status == 404, path


def test_an_administrator_of_the_pool_manages_everything(lab: Platform) -> None:
    """Membership of the administrators' group is all it takes: a model of others is seen, made and removed."""
    token = sign_in(lab, "grace", ADMINISTRATORS)["IdToken"]
    assert lab.call("GET", f"/models/{MODEL}", token=token).status == 200
    created = lab.call("POST", "/models", lab.parrot("spores", ["biologists"]), token=token)
    assert lab.settled(created)["status"] == "Succeeded"
    assert lab.settled(lab.call("DELETE", "/models/spores", token=token))["status"] == "Succeeded"


def resigned(platform: Platform, token: str, **changed: Any) -> str:
    """The token with other claims, under the signature of the pool's own key, which lies with the emulator's state."""
    pool = platform.values["USER_POOL_ID"]
    pem = (platform.home / "state" / "emulator" / "cognito-pool-keys" / f"{pool}-id.pem").read_bytes()
    key: Any = load_pem_private_key(pem, None)
    claims = jwt.decode(token, options={"verify_signature": False}) | changed
    return jwt.encode(claims, key, "RS256", {"kid": jwt.get_unverified_header(token)["kid"]})


def expired(platform: Platform, token: str) -> str:
    """What the pool would have signed two hours ago."""
    then = int(time.time()) - 7200
    return resigned(platform, token, iat=then, auth_time=then, exp=then + 3600)


def promoted(_platform: Platform, token: str) -> str:
    """The pool's signature below claims that it never saw."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | {"cognito:groups": [ADMINISTRATORS]}
    return ".".join((head, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), signature))


def forged(_platform: Platform, token: str) -> str:
    """Everything as the pool says it, under a key of one's own that calls itself the pool's."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, generate_private_key(65537, 2048), "RS256", {"kid": jwt.get_unverified_header(token)["kid"]})


def unsigned(_platform: Platform, token: str) -> str:
    """The algorithm none."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "", "none", {"kid": jwt.get_unverified_header(token)["kid"]})


def another_application(platform: Platform, token: str) -> str:
    """Signed by the pool, for a client that is none of ours."""
    return resigned(platform, token, aud="another-client")


def another_issuer(platform: Platform, token: str) -> str:
    """Signed with the pool's key, in another's name."""
    return resigned(platform, token, iss="https://issuer.invalid")


@pytest.mark.parametrize("made", [expired, promoted, forged, unsigned, another_application, another_issuer])
def test_a_token_that_is_not_the_pools_word_is_refused(lab: Platform, member: dict[str, str], made: Callable[[Platform, str], str]) -> None:
    """The API answers 403 and the router 401, whatever the token says of itself."""
    token = made(lab, member["IdToken"])
    assert lab.call("GET", f"/models/{MODEL}", token=token).status == 403
    assert lab.ask(MODEL, token=token).status == 401


def test_only_what_was_changed_made_the_difference(lab: Platform, member: dict[str, str]) -> None:
    """The same hand signs the token unchanged, and it is taken: the refusals above are not for want of skill."""
    token = resigned(lab, member["IdToken"])
    assert lab.call("GET", f"/models/{MODEL}", token=token).status == 200
    assert lab.ask(MODEL, token=token).status == 200


def test_an_access_token_serves_as_well_and_a_refresh_token_does_not(lab: Platform, member: dict[str, str]) -> None:
    """Cognito's access token names the application in another claim; its refresh token is for the pool alone."""
    assert lab.call("GET", f"/models/{MODEL}", token=member["AccessToken"]).status == 200
    assert lab.ask(MODEL, token=member["AccessToken"]).status == 200
    assert lab.call("GET", f"/models/{MODEL}", token=member["RefreshToken"]).status == 403
    assert lab.ask(MODEL, token=member["RefreshToken"]).status == 401
