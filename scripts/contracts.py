#!/usr/bin/env python3
"""Writes what follows from layers/contracts and template.yaml: events/, the OpenAPI documents, docs/surface.md's table, the types of cli/.

--check only looks.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # not this folder: its contracts.py would hide the package of the same name
    sys.path[:1] = [str(Path(__file__).resolve().parents[1] / part) for part in ("", "layers/contracts", "layers/serving", "serving_image")]

from scripts import cli_types, event_catalogue, event_files, openapi, router_openapi, surface_page
from scripts.template import ROOT


def wanted() -> dict[Path, str]:
    """File → content as it must be now."""
    made = {event_files.EVENTS_FOLDER / path: content for path, content in event_files.files().items()}
    made[event_files.EVENTS_FOLDER / "README.md"] = event_catalogue.readme()
    document = openapi.document()
    made[openapi.PATH] = event_files.dump(document)
    made[router_openapi.PATH] = event_files.dump(router_openapi.document())
    made[surface_page.PATH] = surface_page.page()
    return made | cli_types.modules(document, openapi.modules())


def stale() -> list[Path]:
    """Files that are missing, differ, or belong to no contract any more."""
    made = wanted()
    changed = [path for path, content in made.items() if not path.exists() or path.read_text() != content]
    frozen = {event_files.EVENTS_FOLDER / path for path in event_files.samples()}
    changed += [path for path in frozen if not path.exists()]
    changed += [path for path in _generated() if path not in made]
    return sorted(changed)


def _generated() -> list[Path]:
    """Every file there is in the places where all but samples are generated."""
    return [*event_files.EVENTS_FOLDER.glob("*/*/v*.json"), *cli_types.FOLDER.glob("*.py")]


def write() -> None:
    """Write everything; a sample that has been published stays as it was."""
    for path in _generated():
        path.unlink()
    for path, content in wanted().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name, content in event_files.samples().items():
        path = event_files.EVENTS_FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(content)


def main(arguments: list[str]) -> int:
    """Exit status 1 when --check finds something out of date."""
    changed = stale()
    if "--check" not in arguments:
        write()
        print(f"{len(changed)} file(s) written")
        return 0
    for path in changed:
        print(f"{path.relative_to(ROOT)} is out of date: run `make contracts`")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
