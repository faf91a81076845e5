"""Who the person at the laptop is: an administrator of the user pool, who gives out an admin token and an API token."""

import contextlib
import secrets
import string
from dataclasses import dataclass

from local import cloud
from local.management import Management, key
from local.settings import Settings

USER = "admin@slipway.local"
GROUP = "slipway-admins"
RESEARCH = "research"


@dataclass(frozen=True)
class Tokens:
    """An admin token for the management API and an inference token for the router."""

    admin: str
    inference: str


def sign_in(settings: Settings, stack: dict[str, str]) -> str:
    """Make (or reset) the administrator in Cognito and sign in; the id token."""
    cognito = cloud.client(settings, "cognito-idp")
    pool, client_id = stack["UserPoolId"], stack["UserPoolClientId"]
    password = "".join(secrets.choice(alphabet) for alphabet in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "!#%+") * 5)
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):  # from the last time; its password is set anew
        attributes = [{"Name": "email", "Value": USER}, {"Name": "email_verified", "Value": "true"}]
        cognito.admin_create_user(
            UserPoolId=pool, Username=USER, MessageAction="SUPPRESS", UserAttributes=attributes, TemporaryPassword=password
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=USER, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=USER, GroupName=GROUP)
    parameters = {"USERNAME": USER, "PASSWORD": password}
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool, ClientId=client_id, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
    )
    return str(answer["AuthenticationResult"]["IdToken"])


def issue_tokens(api: Management) -> Tokens:
    """Two tokens, issued by whoever is signed in."""
    admin = {"name": "laptop administrator", "groups": [RESEARCH], "scopes": ["admin"], "expires_in_days": 90}
    inference = {"name": "laptop application", "groups": [RESEARCH], "scopes": ["inference"], "expires_in_days": 90}
    return Tokens(
        admin=api.call("POST", "/tokens", admin, Idempotency_Key=key("admin-token"))["token"],
        inference=api.call("POST", "/tokens", inference, Idempotency_Key=key("api-token"))["token"],
    )
