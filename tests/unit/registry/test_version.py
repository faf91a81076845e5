"""The rules by which a version is accepted."""

import pytest

from registry.domain.version import Content, Rejection, Request, Version, files_match, immutable, is_settled, location, names_match

REQUEST = Request("m", "1.0.0", "s3://artifacts/m/1.0.0/", "a" * 64)
CONTENT = Content("m", "1.0.0", "gguf", "Apache-2.0", 12, (("a.gguf", 10, "0" * 64), ("b.json", 2, "1" * 64)))
VALIDATED = Version(REQUEST, "validated", CONTENT, None, "x", "now")
REJECTED = Version(REQUEST, "rejected", None, Rejection("c", "m", "h"), "x", "now")
OTHER = Request("m", "1.0.0", REQUEST.artifact_uri, "b" * 64)


def _code(rejection: Rejection | str | None) -> str | None:
    return rejection.code if isinstance(rejection, Rejection) else None


def test_the_prefix_lies_in_our_bucket() -> None:
    """What follows the bucket's name is where to look."""
    assert location(REQUEST.artifact_uri, "artifacts") == "m/1.0.0/"


@pytest.mark.parametrize("uri", ["s3://other/m/", "s3://artifacts-evil/m/", "s3://artifacts.evil/m/", "https://artifacts/m/"])
def test_another_bucket_is_never_looked_at(uri: str) -> None:
    """Names that begin alike are other buckets."""
    assert _code(location(uri, "artifacts")) == "artifact-outside-bucket"


@pytest.mark.parametrize("named", [("n", "1.0.0"), ("m", "1.0.1")])
def test_a_manifest_speaks_of_this_model_and_version(named: tuple[str, str]) -> None:
    """Neither another's nor another version's will do."""
    assert names_match(REQUEST, CONTENT) is None
    other = Content(*named, "gguf", "x", 0, ())
    assert _code(names_match(REQUEST, other)) == "manifest-names-another-model"


@pytest.mark.parametrize(
    ("present", "code"),
    [
        ({"a.gguf": 10, "b.json": 2}, None),
        ({"a.gguf": 10, "b.json": 2, "more.txt": 5}, None),
        ({"a.gguf": 10}, "file-missing"),
        ({}, "file-missing"),
        ({"a.gguf": 9, "b.json": 2}, "file-size-mismatch"),
    ],
)
def test_every_listed_file_is_there_in_full(present: dict[str, int], code: str | None) -> None:
    """Missing, short, or with company."""
    assert _code(files_match(CONTENT, present)) == code


def test_a_validated_version_never_changes() -> None:
    """The same digest is the same version, another digest needs another number; what was rejected may come again."""
    assert _code(immutable(VALIDATED, OTHER)) == "version-immutable"
    assert immutable(VALIDATED, REQUEST) is None
    assert immutable(REJECTED, OTHER) is None
    assert immutable(None, OTHER) is None
    assert is_settled(VALIDATED, REQUEST)
    assert not any(is_settled(before, request) for before, request in ((VALIDATED, OTHER), (REJECTED, REQUEST), (None, REQUEST)))
