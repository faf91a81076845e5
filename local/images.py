"""What an image name stands for when containers are local processes: an interpreter, an import path and a default command."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from local.settings import ROOT, Settings, interpreter


@dataclass(frozen=True)
class Image:
    """A program standing in for a container image; `environment` is forced on its containers, as their network is."""

    repository: str
    python: Path
    import_path: tuple[Path, ...]
    command: tuple[str, ...]
    own_address: bool = True
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Stable stand-in for the manifest digest."""
        return "sha256:" + hashlib.sha256(self.repository.encode()).hexdigest()


def catalogue(settings: Settings) -> dict[str, Image]:
    """Images by repository name."""
    code = (ROOT / "serving_image", ROOT / "layers" / "contracts")
    router = {"SLIPWAY_LISTEN_HOST": "127.0.0.1", "SLIPWAY_LISTEN_PORT": str(settings.router_port)}
    images = (
        Image("slipway/engine-llama-cpp", interpreter("engine-llama-cpp"), code, ("python", "-m", "engine")),
        Image("slipway/engine-mock", interpreter("engine"), code, ("python", "-m", "engine")),
        Image("slipway/router", interpreter("router"), code, ("python", "-m", "router"), own_address=False, environment=router),
        # For the conformance tests: any Python command on the standard library.
        Image("slipway/plain", interpreter("lambda-runtime"), (), ("python", "-c", "pass")),
    )
    return {image.repository: image for image in images}


def repository(reference: str) -> str:
    """`registry/name:tag@sha256:…` without tag and digest."""
    name = reference.split("@", 1)[0]
    head, _, tail = name.rpartition("/")
    return f"{head}/{tail.split(':', 1)[0]}" if head else tail.split(":", 1)[0]
