"""What is generated is committed as generated."""

from scripts.contracts import stale
from scripts.template import ROOT


def test_generated_files_are_up_to_date() -> None:
    """Schemas, examples, catalogue and OpenAPI document follow contracts and template; `make contracts` repairs a difference."""
    assert [str(path.relative_to(ROOT)) for path in stale()] == []
