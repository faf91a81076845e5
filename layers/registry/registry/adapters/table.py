"""The version table in DynamoDB: one partition per model, whose head every change moves on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from contracts.common import EventContract
from contracts.common import Failure as ContractFailure
from contracts.registry import ModelVersionPublished, ModelVersionRejected, ModelVersionValidated
from kit.clock import Clock
from kit.envelope import Cause, Fact, Wrapper
from kit.ledger import advance, record
from kit.table import Table, Transaction
from registry.domain.version import CHECKS, Content, Rejection, Request, Version
from registry.ports import Audience, Snapshot, Verdict

_HEAD = "HEAD"
_VERSION_PREFIX = "VERSION#"
_ANSWERED_PREFIX = "ANSWERED#"
_MAX_LISTED_BYTES = 65_536
_ANSWERED_LIFETIME = timedelta(days=14)  # far longer than any delivery may take


@dataclass(frozen=True)
class TableSnapshot:
    """What was read behind the head of one model."""

    revision: int
    version: Version | None
    is_answered: bool
    audience: Audience | None
    event_id: str


class DynamoVersionTable:
    """Reads the head first: an unmoved head at commit proves that what was read behind it still holds."""

    def __init__(self, table: Table, wrapper: Wrapper, clock: Clock) -> None:
        self._table, self._wrapper, self._clock = table, wrapper, clock

    def read(self, model_id: str, version: str, event_id: str) -> TableSnapshot:
        """Head, version and whether the event was answered."""
        head = self._table.get(_partition(model_id), _HEAD)
        answered = self._table.get(_partition(model_id), _ANSWERED_PREFIX + event_id)
        return TableSnapshot(
            revision=int(head.attributes["revision"]) if head else 0,
            version=self.version(model_id, version),
            is_answered=answered is not None,
            audience=_audience(head.document) if head else None,
            event_id=event_id,
        )

    def commit(self, snapshot: Snapshot, verdict: Verdict, audience: Audience, cause: Cause) -> None:
        """One transaction: head, version, marker, ledger, outbox."""
        if not isinstance(snapshot, TableSnapshot):
            message = "a snapshot is committed to the table that it was read from"
            raise TypeError(message)
        pk = _partition(verdict.request.model_id)
        events = _events(verdict)
        revision = snapshot.revision + len(events)
        head = {"allowed_groups": list(audience.allowed_groups), "told_by": audience.told_by}
        transaction = Transaction()
        advance(transaction, pk, _HEAD, snapshot.revision, revision, head)
        expires = int((self._clock.now() + _ANSWERED_LIFETIME).timestamp())
        transaction.insert("answered", pk, _ANSWERED_PREFIX + snapshot.event_id, {}, expires_at=expires)
        before = after = _audited(snapshot.version)
        if verdict.is_new and verdict.version is not None:
            after = _audited(verdict.version)
            _write(transaction, pk, snapshot.version, verdict.version)
        for offset, event in enumerate(events, start=1):
            envelope = self._wrapper.wrap(Fact(event.event_type(), event.document(), event.contract_version), cause)
            record(transaction, pk, snapshot.revision + offset, envelope, before, after)
        self._table.commit(transaction)

    def audience(self, model_id: str) -> Audience | None:
        """Who may see the model."""
        head = self._table.get(_partition(model_id), _HEAD)
        return None if head is None else _audience(head.document)

    def version(self, model_id: str, version: str) -> Version | None:
        """One version, or None."""
        row = self._table.get(_partition(model_id), _VERSION_PREFIX + version)
        return None if row is None else _version(row.document)

    def page(self, model_id: str, after: str | None, limit: int) -> tuple[Sequence[Version], str | None]:
        """One page in the order of the texts."""
        behind = None if after is None else _VERSION_PREFIX + after
        rows = list(self._table.query(_partition(model_id), prefix=_VERSION_PREFIX, after=behind, limit=limit + 1))
        found = [_version(row.document) for row in rows[:limit]]
        return found, found[-1].request.version if len(rows) > limit else None


def _partition(model_id: str) -> str:
    return f"MODEL#{model_id}"


def _write(transaction: Transaction, pk: str, before: Version | None, version: Version) -> None:
    sk, document = _VERSION_PREFIX + version.request.version, _document(version)
    if before is None:
        transaction.insert("version", pk, sk, document, status=version.status)
    else:  # only a rejected one may be written again
        transaction.replace("version", pk, sk, document, when={"status": "rejected"}, status=version.status)


def _events(verdict: Verdict) -> list[EventContract]:
    request = verdict.request
    named = {"model_id": request.model_id, "version": request.version, "manifest_sha256": request.manifest_sha256}
    if verdict.rejection is not None:
        return [ModelVersionRejected(**named, failure=ContractFailure(**asdict(verdict.rejection)))]
    validated = ModelVersionValidated(**named, checks=list(CHECKS))
    content = verdict.version.content if verdict.version else None
    if not verdict.is_new or content is None:
        return [validated]
    published = ModelVersionPublished.validate_document(
        {
            **named,
            "artifact_uri": request.artifact_uri,
            "format": content.format,
            "license": content.license,
            "size_bytes": content.size_bytes,
            "files": _files(content),
        }
    )
    return [published, validated]


def _files(content: Content) -> list[dict[str, Any]]:
    files = () if _is_long(content) else content.files
    return [{"path": path, "size_bytes": size, "sha256": sha256} for path, size, sha256 in files]


def _audience(document: Mapping[str, Any]) -> Audience:
    return Audience(tuple(document["allowed_groups"]), document["told_by"])


def _document(version: Version) -> dict[str, Any]:
    """A long list of files stays in the manifest, which the digest names: a row takes 400 KB, an event less."""
    document = asdict(version)
    if version.content is not None and _is_long(version.content):
        document["content"]["files"] = ()
    return document


def _audited(version: Version | None) -> dict[str, Any] | None:
    return None if version is None else {**_document(version), "content": None}


def _is_long(content: Content) -> bool:
    return sum(len(path) + 100 for path, _, _ in content.files) > _MAX_LISTED_BYTES


def _version(document: Mapping[str, Any]) -> Version:
    content, rejection = document["content"], document["rejection"]
    if content is not None:
        content = Content(**{**content, "files": tuple((path, size, sha256) for path, size, sha256 in content["files"])})
    return Version(
        request=Request(**document["request"]),
        status=document["status"],
        content=content,
        rejection=None if rejection is None else Rejection(**rejection),
        created_by=document["created_by"],
        created_at=document["created_at"],
    )
