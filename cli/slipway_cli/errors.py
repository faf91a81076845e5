"""How a command can end, and what a person is told when it does not end well."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

ACKNOWLEDGEMENT_REQUIRED = "restart-acknowledgement-required"
_CLIENT_ERRORS = range(400, 500)


class Exit(IntEnum):
    """The exit codes, which scripts may rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    ACKNOWLEDGE = 4
    UNREACHABLE = 5
    UNFINISHED = 6
    INTERRUPTED = 130


class CliError(Exception):
    """A command that ends badly: a sentence, what to do about it, and the exit code."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class UsageError(CliError):
    """The words on the command line, a file or a setting do not make sense together."""

    exit_code = Exit.USAGE


class UnreachableError(CliError):
    """Nobody answered, or what answered is out of order; sending the command again may help."""

    exit_code = Exit.UNREACHABLE


class UnfinishedError(CliError):
    """The operation goes on, and we were told not to wait for it any longer."""

    exit_code = Exit.UNFINISHED


class RefusedError(CliError):
    """The API has answered with a problem document (RFC 9457). `problem` holds all of it.

    Exit code 4 for a missing acknowledgement, 3 for every other 4xx, 5 when the fault is not the caller's.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str = "") -> None:
        self.status, self.problem = status, dict(problem)
        self.code = str(problem.get("code") or "")
        self.request_id = str(problem.get("instance") or request_id)
        sentence = problem.get("detail") or problem.get("title") or problem.get("message") or f"HTTP {status}"
        super().__init__(str(sentence), str(problem.get("hint") or ""))
        refused = Exit.REFUSED if status in _CLIENT_ERRORS else Exit.UNREACHABLE
        self.exit_code = Exit.ACKNOWLEDGE if self.needs_acknowledgement else refused

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether the same request is accepted once it carries the acknowledgement that this answer names."""
        return self.code == ACKNOWLEDGEMENT_REQUIRED

    @property
    def fields(self) -> list[Mapping[str, Any]]:
        """The refused fields: path, code, message."""
        errors = self.problem.get("errors")
        return [error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []
