"""What the registry makes of trouble that is not the artefact's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.serving import ModelRequested
from kit.envelope import Cause
from kit.errors import Contended, Transient
from kit.patience import Patience
from registry.domain.version import Content, Rejection, Version
from registry.ports import ArtifactRefused, Audience, Snapshot, Verdict
from registry.usecases.on_model_requested import OnModelRequested
from tests.fabric.wire import envelope_of
from tests.fakes.registry import FakeArtifacts

CONTENT = Content("m1", "1.0.0", "gguf", "Apache-2.0", 1, (("a.gguf", 1, "0" * 64),))
DATA: dict[str, Any] = {
    "model_id": "m1",
    "generation": 1,
    "operation_id": "0" * 26,
    "hosting": "hosted",
    "version": "1.0.0",
    "model": {
        "model_id": "m1",
        "hosting": "hosted",
        "allowed_groups": ["g"],
        "artifact": {"uri": "s3://artifacts/m1/", "manifest_sha256": "0" * 64},
        "engine": {"kind": "mock"},
    },
}


@dataclass(frozen=True)
class Nothing:
    """Nothing was known before."""

    version: Version | None = None
    is_answered: bool = False
    audience: Audience | None = None


class Versions:
    """Notes verdicts; `contended` commits are overtaken."""

    def __init__(self, contended: int = 0) -> None:
        self.contended = contended
        self.verdicts: list[Verdict] = []

    def read(self, model_id: str, version: str, event_id: str) -> Nothing:
        """Nothing."""
        return Nothing()

    def commit(self, snapshot: Snapshot, verdict: Verdict, audience: Audience, cause: Cause) -> None:
        """Note it."""
        if self.contended:
            self.contended -= 1
            raise Contended("condition-failed", "changed in the meantime")
        self.verdicts.append(verdict)

    def audience(self, model_id: str) -> Audience | None:
        """Nobody."""
        return None

    def version(self, model_id: str, version: str) -> Version | None:
        """None."""
        return None

    def page(self, model_id: str, after: str | None, limit: int) -> tuple[Sequence[Version], str | None]:
        """None."""
        return [], None


def _react(versions: Versions, artifacts: FakeArtifacts, data: dict[str, Any] = DATA) -> bool:
    use = OnModelRequested(versions, artifacts, Patience(sleep=lambda _: None))
    return use(ModelRequested.receive(data), envelope_of("ModelRequested", data))


def test_s3_down_is_no_verdict() -> None:
    """The event is delivered again; nothing is rejected."""
    versions, artifacts = Versions(), FakeArtifacts(CONTENT)
    artifacts.trouble = Transient("artifacts-unreachable", "down")
    with pytest.raises(Transient):
        _react(versions, artifacts)
    assert versions.verdicts == []


def test_a_refused_artefact_is_a_verdict() -> None:
    """With the reason that was given."""
    versions, artifacts = Versions(), FakeArtifacts(CONTENT)
    artifacts.refusal = ArtifactRefused(Rejection("manifest-invalid", "no", "do"))
    assert _react(versions, artifacts)
    assert versions.verdicts[0].rejection == artifacts.refusal.rejection


def test_judges_again_when_somebody_was_quicker() -> None:
    """A lost race is run again, and ends in one verdict."""
    versions = Versions(contended=2)
    assert _react(versions, FakeArtifacts(CONTENT))
    assert len(versions.verdicts) == 1


def test_a_providers_model_has_no_version() -> None:
    """Nothing is read and nothing written."""
    versions, artifacts = Versions(), FakeArtifacts(CONTENT)
    model = {"model_id": "m1", "hosting": "provider", "allowed_groups": ["g"], "provider": {"name": "openai", "model": "gpt-5"}}
    assert not _react(versions, artifacts, {**DATA, "hosting": "provider", "model": model})
    assert (versions.verdicts, artifacts.looked_at) == ([], [])
