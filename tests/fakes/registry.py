"""The registry's artefact bucket in memory."""

from collections.abc import Mapping

from registry.domain.version import Content
from registry.ports import ArtifactRefused


class FakeArtifacts:
    """One artefact: what its manifest says, which files lie there; or why it is refused, or that S3 is down."""

    bucket = "artifacts"

    def __init__(self, content: Content, sizes: Mapping[str, int] | None = None) -> None:
        self.known, self.present = content, {path: size for path, size, _ in content.files} if sizes is None else dict(sizes)
        self.refusal: ArtifactRefused | None = None
        self.trouble: Exception | None = None
        self.looked_at: list[str] = []

    def content(self, prefix: str, manifest_sha256: str) -> Content:
        """What the manifest says."""
        self.looked_at.append(prefix)
        if self.trouble:
            raise self.trouble
        if self.refusal:
            raise self.refusal
        return self.known

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Which files lie there."""
        self.looked_at.append(prefix)
        return self.present
