"""By which command each operation of the management API is reached. A test goes through the API's own table and sends each of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Reach:
    """Words that reach an operation, and further ones that use every query parameter it has."""

    words: str
    query: str = ""


_PAGE: Final = "--limit 7 --next-token abc"
REACHED_BY: Final[Mapping[str, Reach]] = MappingProxyType(
    {
        "create_model": Reach("models create parrot --group research --engine mock"),
        "list_models": Reach(
            "models list", f"--status InService --hosting hosted --group research --tag team=ml --prefix par --order desc {_PAGE}"
        ),
        "read_model": Reach("models show parrot"),
        "update_model": Reach("models update parrot --description words"),
        "delete_model": Reach("models delete parrot --yes"),
        "list_model_users": Reach("models users list parrot"),
        "add_model_user": Reach("models users add parrot repository handbook --name Handbook"),
        "remove_model_user": Reach("models users remove parrot repository handbook"),
        "start_model": Reach("models start parrot"),
        "stop_model": Reach("models stop parrot"),
        "set_traffic": Reach("models traffic set parrot 1.0.0=95 1.1.0=5"),
        "read_traffic": Reach("models traffic show parrot"),
        "retry_model": Reach("models retry parrot"),
        "plan_model": Reach("models plan parrot --max 4"),
        "set_schedule": Reach('models schedule set parrot --time-zone Europe/Berlin --window "mon-fri 08:00-18:00"'),
        "read_schedule": Reach("models schedule show parrot"),
        "remove_schedule": Reach("models schedule remove parrot"),
        "list_model_events": Reach("models events parrot", f"--order desc {_PAGE}"),
        "list_versions": Reach("versions list parrot", _PAGE),
        "read_version": Reach("versions show parrot 1.0.0"),
        "read_operation": Reach("operations show 01KAHV5X3V8Q4T1N6F2R7C9B0D"),
        "cancel_operation": Reach("operations cancel 01KAHV5X3V8Q4T1N6F2R7C9B0D"),
        "issue_token": Reach("tokens issue notebook --group research"),
        "list_tokens": Reach("tokens list", _PAGE),
        "read_token": Reach("tokens show abcdefghijklmn23"),
        "revoke_token": Reach("tokens revoke abcdefghijklmn23 --yes"),
        "list_limits": Reach("limits list", f"--kind group {_PAGE}"),
        "set_limits": Reach("limits set group research --rpm 60 --budget 250usd/month"),
        "read_limits": Reach("limits show group research"),
        "remove_limits": Reach("limits remove group research --yes"),
        "list_instances": Reach("instances list", f"--gpus-min 2 --memory-min 48 --family g6e --fits-model parrot --offered {_PAGE}"),
        "read_audit": Reach(
            "audit",
            "--model parrot --actor oidc:ada --event-type ModelUpdated --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z"
            f" --order asc {_PAGE}",
        ),
        "read_usage": Reach(
            "usage",
            f"--from 2026-11-01 --to 2026-11-21 --by day,token --model parrot --version 1.0.0 --token oidc:ada --group research {_PAGE}",
        ),
        "read_api_document": Reach("api document"),
    }
)
"""By the operation's name in the API document."""
