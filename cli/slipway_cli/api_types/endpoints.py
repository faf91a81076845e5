"""What the management API takes and answers: its endpoints. Generated from its OpenAPI document by `make contracts`: do not edit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True)
class Endpoint:
    """One method on one path: the names of its query parameters, and whether it takes a body, Idempotency-Key and If-Match."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: bool = False
    idempotent: bool = False
    conditional: bool = False


ListModelsStatus = Literal["Creating", "InService", "Updating", "Starting", "Stopping", "Stopped", "Deleting", "Failed"]
ListModelsHosting = Literal["hosted", "provider"]
ListModelsOrder = Literal["asc", "desc"]
ListModelEventsOrder = Literal["asc", "desc"]
ReadAuditOrder = Literal["asc", "desc"]
ReadAuditFormat = Literal["json", "ndjson"]
ReadUsageFormat = Literal["json", "ndjson", "csv"]
ListLimitsKind = Literal["token", "group", "model"]


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "create_model": Endpoint("POST", "/models", query=("dry_run",), body=True, idempotent=True),
        "list_models": Endpoint("GET", "/models", query=("limit", "next_token", "status", "hosting", "group", "tag", "prefix", "order")),
        "plan_model": Endpoint("POST", "/models/plan", body=True),
        "read_model": Endpoint("GET", "/models/{model_id}"),
        "update_model": Endpoint("PATCH", "/models/{model_id}", query=("dry_run",), body=True, idempotent=True, conditional=True),
        "delete_model": Endpoint("DELETE", "/models/{model_id}", query=("dry_run",), idempotent=True, conditional=True),
        "start_model": Endpoint("POST", "/models/{model_id}/start", query=("dry_run",), idempotent=True, conditional=True),
        "stop_model": Endpoint("POST", "/models/{model_id}/stop", query=("dry_run",), idempotent=True, conditional=True),
        "retry_model": Endpoint("POST", "/models/{model_id}/retry", query=("dry_run",), idempotent=True, conditional=True),
        "list_model_events": Endpoint("GET", "/models/{model_id}/events", query=("limit", "next_token", "order")),
        "list_model_users": Endpoint("GET", "/models/{model_id}/users"),
        "add_model_user": Endpoint("PUT", "/models/{model_id}/users/{kind}/{user_id}", body=True, idempotent=True),
        "remove_model_user": Endpoint("DELETE", "/models/{model_id}/users/{kind}/{user_id}", idempotent=True),
        "set_schedule": Endpoint("PUT", "/models/{model_id}/schedule", query=("dry_run",), body=True, idempotent=True, conditional=True),
        "read_schedule": Endpoint("GET", "/models/{model_id}/schedule"),
        "remove_schedule": Endpoint("DELETE", "/models/{model_id}/schedule", query=("dry_run",), idempotent=True, conditional=True),
        "set_traffic": Endpoint("PUT", "/models/{model_id}/traffic", body=True, idempotent=True, conditional=True),
        "read_traffic": Endpoint("GET", "/models/{model_id}/traffic"),
        "list_versions": Endpoint("GET", "/models/{model_id}/versions", query=("limit", "next_token")),
        "read_version": Endpoint("GET", "/models/{model_id}/versions/{version}"),
        "read_operation": Endpoint("GET", "/operations/{operation_id}"),
        "cancel_operation": Endpoint("POST", "/operations/{operation_id}/cancel", idempotent=True),
        "list_instances": Endpoint(
            "GET", "/instances", query=("limit", "next_token", "gpus_min", "memory_min", "family", "fits_model", "offered")
        ),
        "read_audit": Endpoint(
            "GET", "/audit", query=("actor", "model_id", "event_type", "since", "until", "order", "format", "limit", "next_token")
        ),
        "read_usage": Endpoint(
            "GET", "/usage", query=("from", "to", "group_by", "model", "version", "token", "group", "format", "limit", "next_token")
        ),
        "issue_token": Endpoint("POST", "/tokens", body=True, idempotent=True),
        "list_tokens": Endpoint("GET", "/tokens", query=("limit", "next_token")),
        "read_token": Endpoint("GET", "/tokens/{token_id}"),
        "revoke_token": Endpoint("DELETE", "/tokens/{token_id}", idempotent=True),
        "list_limits": Endpoint("GET", "/limits", query=("limit", "next_token", "kind")),
        "set_limits": Endpoint("PUT", "/limits/{subject_kind}/{subject_id}", body=True, idempotent=True, conditional=True),
        "read_limits": Endpoint("GET", "/limits/{subject_kind}/{subject_id}"),
        "remove_limits": Endpoint("DELETE", "/limits/{subject_kind}/{subject_id}", idempotent=True, conditional=True),
        "read_api_document": Endpoint("GET", "/openapi.json"),
    }
)
"""Every endpoint by its name in the OpenAPI document."""
