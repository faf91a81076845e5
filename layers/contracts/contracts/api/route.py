"""What one route of the management API is."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

from pydantic import BaseModel, TypeAdapter

from contracts.problems import PROBLEMS, ProblemKind
from contracts.responses import Accepted

Shape = type[BaseModel] | TypeAdapter[Any]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_BODY: Final = ("body-not-json", "body-not-object", "body-not-text", "body-too-deep", "body-too-large", "validation-failed")
_KEY: Final = ("idempotency-key-invalid", "idempotency-key-reused")
_GENERATION: Final = ("if-match-invalid", "generation-stale")
_TABLE: Final = ("contended-too-long", "table-throttled", "table-unreachable")


@dataclass(frozen=True, kw_only=True)
class ApiRoute:
    """One method on one path. `scope` is what the caller needs, None for everyone, authenticated or not.

    `body` and `query` are what is taken, `answer` what a success with `status` carries (None = nothing that a contract describes).
    `idempotent`: takes Idempotency-Key. `conditional`: takes If-Match. `tagged`: answers an ETag. `plannable`: takes `dry_run`, and then
    answers 200 with a plan. `refusals`: codes of its own.
    """

    method: Method
    path: str
    context: str
    function: str
    summary: str
    scope: str | None
    status: int = 200
    answer: Shape | None = None
    body: Shape | None = None
    query: type[BaseModel] | None = None
    idempotent: bool = False
    conditional: bool = False
    tagged: bool = False
    plannable: bool = False
    refusals: tuple[str, ...] = ()

    @property
    def operation_name(self) -> str:
        """Stable name in the OpenAPI document, e.g. `create_model`."""
        return self.function

    @property
    def logical_id(self) -> str:
        """The function's logical id in template.yaml, e.g. `ServingCreateModelFunction`."""
        return "".join(word.capitalize() for word in f"{self.context}_{self.function}".split("_")) + "Function"

    @property
    def problems(self) -> tuple[ProblemKind, ...]:
        """Every problem that this route may answer, by status and code."""
        codes = {"internal-error", *self.refusals}
        codes |= {"not-authenticated", "scope-missing", *_TABLE} if self.scope else set()
        codes |= set(_BODY) if self.body else set()
        codes |= {"validation-failed"} if self.query or self.plannable or self.idempotent else set()
        codes |= set(_KEY) if self.idempotent else set()
        codes |= set(_GENERATION) if self.conditional else set()
        return tuple(sorted((PROBLEMS[code] for code in codes), key=lambda kind: (kind.status, kind.code)))


model_command: Final = partial(
    ApiRoute, context="serving", scope="models:write", status=202, answer=Accepted, idempotent=True, conditional=True, plannable=True
)
"""A command on a model or an operation: answers 202 with the operation to follow."""
