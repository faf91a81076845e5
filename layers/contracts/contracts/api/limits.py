"""Limits and budgets of tokens, groups and models."""

from functools import partial
from typing import Final

from contracts.api.route import ApiRoute
from contracts.limits import LimitsList, LimitsState, ListLimits, SetLimits, SubjectLimits

_route = partial(ApiRoute, context="access", scope="limits:write")

LIMITS: Final = (
    _route(
        method="GET",
        path="/limits",
        function="list_limits",
        summary="List the limits and budgets of tokens, groups and models",
        query=ListLimits,
        answer=LimitsList,
    ),
    _route(
        method="PUT",
        path="/limits/{subject_kind}/{subject_id}",
        function="set_limits",
        summary="Limit what a token, a group or a model may use, in place of any limits that it has",
        body=SetLimits,
        answer=SubjectLimits,
        idempotent=True,
        conditional=True,
        tagged=True,
        refusals=("token-not-found", "limits-not-found"),
    ),
    _route(
        method="GET",
        path="/limits/{subject_kind}/{subject_id}",
        function="read_limits",
        summary="Read limits and budgets, and what is spent and left of each budget in the period that runs",
        answer=LimitsState,
        tagged=True,
        refusals=("limits-not-found",),
    ),
    _route(
        method="DELETE",
        path="/limits/{subject_kind}/{subject_id}",
        function="remove_limits",
        summary="Limit a token, a group or a model no longer",
        answer=SubjectLimits,
        idempotent=True,
        conditional=True,
        refusals=("limits-not-found",),
    ),
)
