"""What fails says why, leaves nothing behind, and is no dead end."""

from typing import Any

from tests.e2e.platform import Platform


def assert_failed(platform: Platform, model_id: str, operation: Any, code: str) -> None:
    """Operation and model say the same code, with a sentence and a hint; nothing of the engine is left; nobody is routed there."""
    assert (operation["status"], operation["reason"]["code"]) == ("Failed", code), operation
    model = platform.call("GET", f"/models/{model_id}").json
    assert (model["status"], model["failure"]["code"]) == ("Failed", code)
    assert model["failure"]["message"]
    assert model["failure"]["hint"]
    failed = [entry for entry in platform.call("GET", f"/models/{model_id}/events").json["items"] if entry["event_type"] == "ModelFailed"]
    assert failed[-1]["data"]["failure"]["code"] == code
    platform.assert_nothing_left(model_id)
    assert model_id not in platform.visible(platform.values["OPENAI_API_KEY"])


def test_an_engine_that_fails_says_why_and_can_be_deleted(platform: Platform) -> None:
    """The engine's own code reaches API, event and operation; a retry fails alike under a new generation; a delete leaves nothing."""
    wish = platform.parrot("doomed", fail_with="out-of-memory-gpu")
    assert_failed(platform, "doomed", platform.settled(platform.call("POST", "/models", wish)), "out-of-memory-gpu")
    generation = platform.call("GET", "/models/doomed").json["generation"]
    assert_failed(platform, "doomed", platform.settled(platform.call("POST", "/models/doomed/retry")), "out-of-memory-gpu")
    assert platform.call("GET", "/models/doomed").json["generation"] > generation
    assert platform.settled(platform.call("DELETE", "/models/doomed"))["status"] == "Succeeded"
    assert platform.call("GET", "/models/doomed").status == 404


def test_a_manifest_that_is_not_what_was_promised_is_refused_before_anything_starts(platform: Platform) -> None:
    """A wrong digest fails the operation with the registry's code, and no ECS service is ever made."""
    wish = platform.parrot("swapped")
    wish["artifact"]["manifest_sha256"] = "f" * 64
    assert_failed(platform, "swapped", platform.settled(platform.call("POST", "/models", wish)), "manifest-digest-mismatch")
    kinds = [entry["event_type"] for entry in platform.call("GET", "/models/swapped/events").json["items"]]
    assert "CapacityChanged" not in kinds
    platform.settled(platform.call("DELETE", "/models/swapped"))


def test_a_retry_succeeds_once_the_cause_is_mended(platform: Platform) -> None:
    """A model whose manifest was forgotten fails; with the manifest in its place the retry brings it into service."""
    wish = platform.parrot("forgotten")
    bucket, key = platform.values["ARTIFACT_BUCKET"], "forgotten/1.0.0/manifest.json"
    manifest = platform.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    platform.aws("s3").delete_object(Bucket=bucket, Key=key)
    assert_failed(platform, "forgotten", platform.settled(platform.call("POST", "/models", wish)), "manifest-not-found")
    platform.aws("s3").put_object(Bucket=bucket, Key=key, Body=manifest)
    assert platform.settled(platform.call("POST", "/models/forgotten/retry"))["status"] == "Succeeded"
    platform.answers("forgotten")
    assert platform.settled(platform.call("DELETE", "/models/forgotten"))["status"] == "Succeeded"
    platform.assert_nothing_left("forgotten")


def test_a_delete_supersedes_what_is_under_way(platform: Platform) -> None:
    """Deleting a model that is still loading ends the creation as Superseded and leaves nothing."""
    created = platform.call("POST", "/models", platform.parrot("hasty", load_seconds=600))
    assert platform.settled(platform.call("DELETE", "/models/hasty"))["status"] == "Succeeded"
    assert platform.settled(created)["status"] == "Superseded"
    platform.assert_nothing_left("hasty")


def test_a_cancelled_creation_takes_down_what_it_built(platform: Platform) -> None:
    """Cancelling a creation settles it as Cancelled and leaves no service."""
    created = platform.call("POST", "/models", platform.parrot("unwanted", load_seconds=600))
    assert platform.call("POST", f"/operations/{created.json['operation_id']}/cancel").status == 202
    assert platform.settled(created)["status"] == "Cancelled"
    platform.assert_nothing_left("unwanted")
    platform.settled(platform.call("DELETE", "/models/unwanted"))
