"""The engine as the supervisor talks to it: where it listens, with which key, and the questions that prove it works."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from contracts.engine import EngineTask
from contracts.inference import Question, question_for
from engine.errors import EngineError

_SHORT: Final = aiohttp.ClientTimeout(total=10)
_MAX_EXCERPT: Final = 300


class ProbeMissedError(Exception):
    """The engine gave no answer in time, or none that counts; once means nothing, for a busy engine answers late."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """An engine that listens."""

    session: aiohttp.ClientSession
    address: str
    key: str
    model_id: str
    task: EngineTask

    @property
    def authorization(self) -> str:
        """The value of the Authorization header that the engine expects."""
        return f"Bearer {self.key}"

    async def is_listening(self) -> bool:
        """True once `GET /health` answers 200, which proves that it listens and nothing more."""
        try:
            async with self.session.get(f"{self.address}/health", timeout=_SHORT) as answer:
                return answer.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def metrics(self) -> str:
        """Read the engine's own metrics. Raises ProbeMissedError."""
        try:
            headers = {"Authorization": self.authorization}
            async with self.session.get(f"{self.address}/metrics", headers=headers, timeout=_SHORT) as answer:
                if answer.status != HTTPStatus.OK:
                    raise ProbeMissedError(f"metrics answered {answer.status}")
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProbeMissedError(f"no metrics: {type(error).__name__}") from error

    async def complete_once(self, seconds: float) -> None:
        """Ask the smallest real question for the model's task and look at the answer.

        Raises EngineError `engine-answer-invalid` where the engine answers with an error, ProbeMissedError where it does not answer.
        """
        question = question_for(self.task)
        kind, body = question.encoded(self.model_id)
        headers = {"Authorization": self.authorization, "Content-Type": kind}
        try:
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with self.session.post(f"{self.address}{question.path}", data=body, headers=headers, timeout=timeout) as answer:
                content = await answer.read()
                _check_answer(question, answer.status, content)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise ProbeMissedError(f"no completion: {type(error).__name__}") from error


def _check_answer(question: Question, status: int, content: bytes) -> None:
    excerpt = content[:_MAX_EXCERPT].decode("utf-8", "replace")
    if status in {429, 503}:
        raise ProbeMissedError(f"busy: {status}")
    if status != HTTPStatus.OK:
        raise EngineError("engine-answer-invalid", f"The engine answered its first request with {status}: {excerpt}")
    try:
        answered = question.is_answered_by(content)
    except ValueError:
        answered = False
    if not answered:
        raise EngineError("engine-answer-invalid", f"The engine's first answer holds no completion: {excerpt}")
