"""The registry's functions, from a request on the bus to the version that is read back."""

import json
from importlib import import_module
from typing import Any

import pytest

from contracts.catalogue import EVENTS
from contracts.views import ModelVersion, VersionList
from kit.aws import client
from kit.errors import Broken
from tests.fabric.crash import sweep, watching
from tests.fabric.wire import Context, stream_event
from tests.fabric.world import images, ledger, rows, settled, told
from tests.functional.registry.conftest import ADMIN, MODEL_ID, PREFIX, READER, STRANGER, VERSION, Shelf, manifest, registry_world


def _failures() -> list[str]:
    return [fact["data"]["failure"]["code"] for fact in ledger("versions") if fact["event_type"] == "ModelVersionRejected"]


def test_a_good_version_is_published_and_validated(shelf: Shelf) -> None:
    """Two facts, both valid events caused by the request; the version reads back with its evidence."""
    digest = shelf.upload()
    shelf.request(digest)
    assert told("versions") == ["ModelVersionPublished", "ModelVersionValidated"]
    for fact in ledger("versions"):
        EVENTS[fact["event_type"]].validate_document(fact["data"])
        assert fact["metadata"]["causation_id"] == f"{1:026d}"
    version = ModelVersion.validate_document(shelf.call("read_version", READER, model_id=MODEL_ID, version=VERSION)["json"])
    assert (version.status, version.manifest_sha256, version.size_bytes) == ("validated", digest, 32)
    assert "manifest-digest" in version.checks


def test_the_same_event_is_answered_once_and_another_request_again(shelf: Shelf) -> None:
    """A duplicate delivery writes nothing; a retry is told that the version is validated, without S3 being asked."""
    digest = shelf.upload()
    shelf.request(digest)
    with watching() as watch:
        shelf.request(digest)
    assert watch.of("TransactWriteItems") == []
    with watching() as watch:
        shelf.request(digest, 2)
    assert told("versions") == ["ModelVersionPublished", "ModelVersionValidated", "ModelVersionValidated"]
    assert not [call for call in watch.calls if call.service == "s3"]


def test_a_validated_version_refuses_other_content(shelf: Shelf) -> None:
    """Another digest under the same number is rejected, the version stays, and asking for the first still works."""
    digest = shelf.upload()
    shelf.request(digest)
    other = shelf.upload(manifest(license="MIT"))
    shelf.request(other, 2)
    assert _failures() == ["version-immutable"]
    assert shelf.call("read_version", ADMIN, model_id=MODEL_ID, version=VERSION)["json"]["manifest_sha256"] == digest
    shelf.request(digest, 3)
    assert told("versions")[-1] == "ModelVersionValidated"


@pytest.mark.parametrize(
    ("content", "weights", "code"),
    [
        (b"{", b"x", "manifest-invalid"),
        (b"[]", b"x", "manifest-invalid"),
        (b" " * (1024 * 1024 + 1), b"x", "manifest-invalid"),
        (manifest(files=[{"path": "../x.gguf", "size_bytes": 1, "sha256": "0" * 64}]), b"x", "manifest-invalid"),
        (manifest(files=[{"path": "run.py", "size_bytes": 1, "sha256": "0" * 64}]), b"x", "manifest-invalid"),
        (manifest(files=[{"path": "model.bin", "size_bytes": 1, "sha256": "0" * 64}]), b"x", "manifest-invalid"),
        (manifest(unknown=1), b"x", "manifest-invalid"),
        (manifest(model_id="another"), b"x", "manifest-names-another-model"),
        (manifest(version="2.0.0"), b"x", "manifest-names-another-model"),
        (manifest(), None, "file-missing"),
        (manifest(), b"short", "file-size-mismatch"),
    ],
)
def test_bad_artefacts_are_rejected_with_their_reason(shelf: Shelf, content: Any, weights: bytes | None, code: str) -> None:
    """One fact with code, sentence and hint; a valid event; the version reads back as rejected."""
    shelf.request(shelf.upload(content, weights=weights))
    assert _failures() == [code]
    failure = EVENTS["ModelVersionRejected"].validate_document(ledger("versions")[0]["data"]).document()["failure"]
    assert failure["message"]
    assert failure["hint"]
    assert shelf.call("read_version", READER, model_id=MODEL_ID, version=VERSION)["json"]["failure"]["code"] == code


def test_a_missing_manifest_and_a_wrong_digest_are_rejected(shelf: Shelf) -> None:
    """Nothing there; something else there."""
    shelf.request("0" * 64)
    shelf.upload()
    shelf.request("0" * 64, 2)
    assert _failures() == ["manifest-not-found", "manifest-digest-mismatch"]


def test_a_rejected_version_may_come_again(shelf: Shelf) -> None:
    """Corrected under the same number, and then it is immutable."""
    shelf.request(shelf.upload(weights=None))
    shelf.request(shelf.upload(), 2)
    assert told("versions") == ["ModelVersionRejected", "ModelVersionPublished", "ModelVersionValidated"]


def test_another_bucket_is_rejected_without_a_look(shelf: Shelf) -> None:
    """No call to S3 is made for an address outside the artefact bucket."""
    with watching() as watch:
        shelf.request("0" * 64, uri="s3://somebody-elses/models/")
    assert _failures() == ["artifact-outside-bucket"]
    assert not [call for call in watch.calls if call.service == "s3"]


def test_every_call_to_s3_names_the_bucket_and_its_owner(shelf: Shelf) -> None:
    """A bucket of that name in other hands is not read."""
    digest = shelf.upload()
    with watching() as watch:
        shelf.request(digest)
    calls = [call.parameters for call in watch.calls if call.service == "s3"]
    assert calls
    assert all(call["Bucket"] == "artifacts" and call["ExpectedBucketOwner"] == "123456789012" for call in calls)


def test_trouble_with_s3_rejects_nothing(shelf: Shelf) -> None:
    """The bucket is gone: an error for the operators, and no verdict on the version."""
    client("s3").delete_bucket(Bucket="artifacts")
    with pytest.raises(Broken, match="artifacts-refused"):
        shelf.request("0" * 64)
    assert images("versions") == []


def test_a_thousand_files_fit(shelf: Shelf) -> None:
    """A long manifest is validated, and neither row nor event outgrows its limit."""
    files = [{"path": f"model-{number:04d}.gguf", "size_bytes": 1, "sha256": "0" * 64} for number in range(1200)]
    for file in files:
        client("s3").put_object(Bucket="artifacts", Key=PREFIX + str(file["path"]), Body=b"x")
    shelf.request(shelf.upload(manifest(files=files), weights=None))
    assert told("versions") == ["ModelVersionPublished", "ModelVersionValidated"]
    assert ledger("versions")[0]["data"]["size_bytes"] == 1200
    assert max(len(json.dumps(image)) for image in images("versions")) < 100_000


@pytest.mark.parametrize(
    ("caller", "status"), [(READER, 200), (ADMIN, 200), (STRANGER, 404), ({**READER, "scopes": ["inference"]}, 403), (None, 401)]
)
def test_versions_are_seen_by_the_models_groups_alone(shelf: Shelf, caller: dict[str, Any] | None, status: int) -> None:
    """For others the model does not exist, in the same words as one that never was."""
    shelf.request(shelf.upload())
    one = shelf.call("read_version", caller, model_id=MODEL_ID, version=VERSION)
    several = shelf.call("list_versions", caller, model_id=MODEL_ID)
    assert (one["statusCode"], several["statusCode"]) == (status, status)
    if status == 404:
        assert one["body"] == shelf.call("read_version", caller, model_id="never-was", version=VERSION)["body"]
    if status == 200:
        assert [item.version for item in VersionList.validate_document(several["json"]).items] == [VERSION]


def test_the_newest_request_says_who_may_see(shelf: Shelf) -> None:
    """Also when events come in another order."""
    digest = shelf.upload()
    shelf.request(digest, 5, groups=("finance",))
    shelf.request(digest, 4, groups=("research",))
    assert shelf.call("list_versions", STRANGER, model_id=MODEL_ID)["statusCode"] == 200
    assert shelf.call("list_versions", READER, model_id=MODEL_ID)["statusCode"] == 404


@pytest.mark.parametrize("version", ["9.9.9", "1.0", "latest", "1.0.0#x", "1" * 5000])
def test_an_unknown_version_is_not_found(shelf: Shelf, version: str) -> None:
    """Whatever stands in the path."""
    shelf.request(shelf.upload())
    assert shelf.call("read_version", READER, model_id=MODEL_ID, version=version)["json"]["code"] == "version-not-found"
    assert shelf.call("read_version", READER, model_id=version, version=VERSION)["json"]["code"] == "model-not-found"


@pytest.mark.parametrize("weights", [b"GGUF" + b"\0" * 28, None], ids=["good", "bad"])
def test_survives_a_crash_at_every_call(weights: bytes | None) -> None:
    """Wherever it dies, the event delivered again leads to the table of an undisturbed run."""

    def act(shelf: Shelf) -> None:
        shelf.request(shelf.upload(weights=weights))

    assert sweep(registry_world, act, lambda _: settled("versions")) >= 12


def test_reading_survives_a_crash_at_every_call() -> None:
    """Nothing is changed by it."""

    def act(shelf: Shelf) -> None:
        shelf.request(shelf.upload())
        shelf.call("list_versions", READER, model_id=MODEL_ID)
        shelf.call("read_version", READER, model_id=MODEL_ID, version=VERSION)

    assert sweep(registry_world, act, lambda _: settled("versions")) >= 12


def test_telling_the_bus_survives_a_crash_at_every_call() -> None:
    """In the end both facts were told, in their order, and no marker is left."""
    recorded: list[Any] = []

    def act(shelf: Shelf) -> None:
        shelf.request(shelf.upload())
        recorded[:] = [image for image in images("versions") if image["sk"]["S"].startswith("LEDGER#")]
        import_module("functions.registry.announce_version_changes.handler").handler(stream_event(recorded), Context())
        import_module("functions.registry.sweep_versions.handler").handler({}, Context())

    assert sweep(registry_world, act, lambda _: [key for key in rows("versions") if key[0].startswith("OUTBOX#")]) >= 12


def test_another_artefact_of_a_changed_model_is_judged(shelf: Shelf) -> None:
    """An update that names an artefact is answered like a request."""
    digest = shelf.upload()
    shelf.update(digest, {"version": VERSION, "artifact": {"manifest_sha256": digest}})
    assert told("versions") == ["ModelVersionPublished", "ModelVersionValidated"]


def test_a_change_that_concerns_no_artefact_is_passed_over(shelf: Shelf) -> None:
    """A description, a limit, a scale: nothing for the registry to say."""
    digest = shelf.upload()
    shelf.request(digest)
    before = rows("versions")
    shelf.update(digest, {"description": "The small one"})
    assert rows("versions") == before


def test_a_changed_audience_is_the_versions_audience(shelf: Shelf) -> None:
    """Who may see a model may see its versions."""
    digest = shelf.upload()
    shelf.request(digest)
    sales = {"subject": "token:s", "kind": "token", "groups": ["sales"], "scopes": ["models:read"]}
    assert shelf.call("list_versions", sales, model_id=MODEL_ID)["statusCode"] == 404
    shelf.update(digest, {"allowed_groups": ["research", "sales"]}, groups=("research", "sales"))
    assert shelf.call("list_versions", sales, model_id=MODEL_ID)["statusCode"] == 200


def test_hearing_of_an_update_survives_a_crash_at_every_call() -> None:
    """The same end, however often it is delivered."""

    def act(shelf: Shelf) -> None:
        digest = shelf.upload()
        shelf.update(digest, {"artifact": {"manifest_sha256": digest}})

    assert sweep(registry_world, act, lambda _: settled("versions")) > 0
