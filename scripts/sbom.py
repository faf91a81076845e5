"""`make sbom`: what each deployable consists of, as a CycloneDX 1.6 document a deployable in .local/build/sbom/, made of its lock alone.

Equal locks make equal documents: no date, no serial number of chance. Every component carries its package URL and the digests of its files,
which are those that an installation is checked against. Runs in the environment `scan`.
"""

import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".local" / "build" / "sbom"
_LINE = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)\s*(?:;\s*(.*?))?\s*((?:--hash=sha256:[0-9a-f]{64}\s*)+)$")


@dataclass(frozen=True)
class Deployable:
    """Something that is shipped: its name, the lock that it is made of, and what it is."""

    name: str
    lock: str
    kind: ComponentType
    description: str


DEPLOYABLES = (
    Deployable("slipway-layer-vendor", "lambda", ComponentType.LIBRARY, "Third-party wheels of every function."),
    Deployable("slipway-layer-oidc", "oidc", ComponentType.LIBRARY, "Third-party wheels of the authorizer."),
    Deployable("slipway-router", "router", ComponentType.CONTAINER, "The router's image, beside its base image."),
    Deployable("slipway-engine-mock", "engine", ComponentType.CONTAINER, "The mock engine's image, beside its base image."),
    Deployable(
        "slipway-engine-llama-cpp", "engine-llama-cpp", ComponentType.CONTAINER, "The llama.cpp engine's image, beside its base image."
    ),
    Deployable(
        "slipway-engine-vllm", "engine", ComponentType.CONTAINER, "The supervisor of the vLLM image, beside that image's own packages."
    ),
    Deployable("slipway-cli", "cli", ComponentType.APPLICATION, "The command line."),
)


def packages(lock: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Package, version, marker (or an empty text) and SHA-256 digests of every line; ValueError names a line of another form."""
    for line in re.sub(r"\\\n\s*", " ", lock).splitlines():
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise ValueError(f"not a line of a hash-locked file: {line[:80]}")
        yield match[1], match[2], match[3] or "", re.findall(r"sha256:([0-9a-f]{64})", match[4])


def bill(deployable: Deployable) -> Bom:
    """The document of one deployable."""
    lock = (ROOT / "locks" / f"{deployable.lock}.txt").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    whole = Component(
        name=deployable.name, version=version, type=deployable.kind, description=deployable.description, bom_ref=deployable.name
    )
    parts = [_component(*package) for package in packages(lock)]
    document = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"{deployable.name}\n{version}\n{lock}"), components=parts)
    document.metadata.component = whole
    document.metadata.timestamp = None  # a date would make every document another
    document.register_dependency(whole, parts)
    return document


def _component(name: str, version: str, marker: str, digests: list[str]) -> Component:
    url = PackageURL("pypi", None, name, version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(url)),
        comment="Digests of every file that may be installed.",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests],
    )
    only = [Property(name="slipway:marker", value=marker)] if marker else []
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url), external_references=[files], properties=only
    )


def written(document: Bom) -> str:
    """As JSON; ValueError if it is not what CycloneDX's schema asks for."""
    text: str = make_outputter(document, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"{document.metadata.component}: {wrong}")
    return text + "\n"


def main(arguments: list[str]) -> int:
    """Write all, into the folder that is named or the usual one."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for deployable in DEPLOYABLES:
        document = bill(deployable)
        path = folder / f"{deployable.name}.json"
        path.write_text(written(document))
        print(f"{path}: {len(document.components)} components")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
