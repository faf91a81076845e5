"""Is a version what it claims to be?"""

from contracts.model import HostedModel
from kit.envelope import Envelope
from kit.patience import Patience
from registry.domain.version import Content, Rejection, Request, Version, files_match, immutable, is_settled, location, names_match
from registry.ports import ArtifactRefused, Artifacts, Audience, Snapshot, Verdict, VersionTable


class Examination:
    """Answers whether anything was written. Every request is answered once; a later request for the same version is answered again."""

    def __init__(self, table: VersionTable, artifacts: Artifacts, patience: Patience) -> None:
        self._table, self._artifacts, self._patience = table, artifacts, patience

    def examine(self, model: HostedModel, envelope: Envelope) -> bool:
        """Look at the version that the model wants; `Transient` when S3 or the table does not answer: that is no reason to refuse one."""
        request = Request(model.model_id, model.version, model.artifact.uri, model.artifact.manifest_sha256)
        told = Audience(tuple(model.allowed_groups), envelope.metadata.id)

        def attempt() -> bool:
            snapshot = self._table.read(request.model_id, request.version, envelope.metadata.id)
            if snapshot.is_answered:
                return False
            verdict = self._judge(snapshot.version, request, envelope)
            self._table.commit(snapshot, verdict, _newest(snapshot, told), envelope.cause())
            return True

        return self._patience.persist(attempt)

    def _judge(self, before: Version | None, request: Request, envelope: Envelope) -> Verdict:
        if is_settled(before, request):
            return Verdict(request, before, is_new=False, rejection=None)
        if rejection := immutable(before, request):
            return Verdict(request, before, is_new=False, rejection=rejection)
        content, rejection = self._inspect(request)
        version = Version(
            request=request,
            status="rejected" if rejection else "validated",
            content=content,
            rejection=rejection,
            created_by=envelope.metadata.actor,
            created_at=envelope.metadata.occurred_at,
        )
        return Verdict(request, version, is_new=True, rejection=rejection)

    def _inspect(self, request: Request) -> tuple[Content | None, Rejection | None]:
        prefix = location(request.artifact_uri, self._artifacts.bucket)
        if isinstance(prefix, Rejection):
            return None, prefix
        content: Content | None = None
        try:
            content = self._artifacts.content(prefix, request.manifest_sha256)
            return content, names_match(request, content) or files_match(content, self._artifacts.sizes(prefix))
        except ArtifactRefused as refusal:
            return content, refusal.rejection


def _newest(snapshot: Snapshot, told: Audience) -> Audience:
    """The later of what is known and what is told: events may come in any order, their ids rise with time."""
    known = snapshot.audience
    return told if known is None or known.told_by < told.told_by else known
