"""Plans, dry runs and instance types, from the wire to the table and back without a trace; and wishes that cannot be."""

import json
from typing import Any

import pytest

from contracts.artifact import manifest_digest
from contracts.plan_views import InstanceList, Plan
from kit.aws import client
from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving
from tests.unit.serving.test_facts import SMOLLM, gguf
from tests.unit.serving.test_fit import BYTES_8B, BYTES_70B, LLAMA_8B, LLAMA_70B

BUCKET = "slipway-artifacts"
DIGEST = "0" * 64
GPU_TYPES = ("g5.xlarge", "g5.12xlarge")  # what the small AWS offers in its region, of what this environment buys


@pytest.fixture(autouse=True)
def _bucket(serving: Serving) -> None:
    """A bucket for artefacts."""
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": world.REGION})


def upload(model_id: str, form: str, files: dict[str, bytes], sizes: dict[str, int] | None = None) -> str:
    """Files and their manifest, which may claim other sizes than they have; its digest."""
    entries = [
        {"path": path, "size_bytes": (sizes or {}).get(path, len(content)), "sha256": DIGEST}
        for path, content in (dict.fromkeys(sizes or {}, b"") | files).items()
    ]
    said = {"schema": "slipway.manifest/1", "model_id": model_id, "version": "1.0.0", "format": form, "license": "mit", "files": entries}
    manifest = json.dumps(said).encode()
    for path, content in {**files, "manifest.json": manifest}.items():
        client("s3").put_object(Bucket=BUCKET, Key=f"{model_id}/1.0.0/{path}", Body=content)
    return manifest_digest(manifest)


def artifact(model_id: str, digest: str) -> dict[str, str]:
    """The part of a wish that names it."""
    return {"uri": f"s3://{BUCKET}/{model_id}/1.0.0/", "manifest_sha256": digest}


def small(model_id: str = samples.MODEL_ID, context: int = 8192, **arguments: Any) -> dict[str, Any]:
    """A wish for the small GGUF model, uploaded."""
    digest = upload(model_id, "gguf", {"model.gguf": gguf(SMOLLM)}, {"model.gguf": 98_000_000})
    engine = {"kind": "llama.cpp", "arguments": {"context_length": context, **arguments}}
    return samples.hosted(model_id, artifact=artifact(model_id, digest), engine=engine)


def large(
    config: dict[str, Any] = LLAMA_8B, size: int = BYTES_8B, gpus: int = 1, types: list[str] | None = None, **arguments: Any
) -> dict[str, Any]:
    """A wish for a model on GPUs, uploaded."""
    digest = upload("large", "safetensors", {"config.json": json.dumps(config).encode()}, {"model.safetensors": size})
    return samples.hosted(
        "large",
        artifact=artifact("large", digest),
        engine={"kind": "vllm", "arguments": arguments},
        accelerator={"gpus": gpus, "instance_types": types or []},
    )


def plan(serving: Serving, body: dict[str, Any], caller: Any = samples.RESEARCHER) -> tuple[int, Any]:
    """`POST /models/plan`: status and body, which keeps to its contract; and nothing was written."""
    before = world.images(TABLE)
    status, answer, _ = serving.http("plan_model", "POST", "/models/plan", caller, body=body)
    assert world.images(TABLE) == before
    if status == 200:
        Plan.validate_document(answer)
    return status, answer


def tried(serving: Serving, function: str, method: str = "POST", body: Any = None, **more: Any) -> tuple[int, Any]:
    """A command with `?dry_run=true`, likewise."""
    before = world.images(TABLE)
    given = {"path_parameters": {"model_id": samples.MODEL_ID}} if function != "create_model" else {}
    status, answer, _ = serving.http(function, method, "/x", query={"dry_run": "true"}, body=body, **given, **more)
    assert world.images(TABLE) == before
    if status == 200:
        Plan.validate_document(answer)
    return status, answer


def test_a_new_models_plan_shows_how_it_fits_and_what_it_costs(serving: Serving) -> None:
    """Facts out of the GGUF's header, the arithmetic line by line, Fargate's price three times."""
    status, found = plan(serving, {"model": small()})
    assert (status, found["command"], found["generation"], found["restarts"]) == (200, "create", 0, False)
    assert (found["fit"]["verdict"], found["fit"]["on"]) == ("fits", "Fargate")
    assert "30 layers x 3 heads x 128 x 2 bytes = 23,040 bytes" in [line["formula"] for line in found["fit"]["lines"]]
    assert found["copies"] == {"before": 0, "after": 1}
    assert found["cost"]["before"]["usd_per_month"] == {"min": 0.0, "desired": 0.0, "max": 0.0}
    assert found["cost"]["after"]["usd_per_hour"]["desired"] == pytest.approx(0.11652)
    assert (found["refused"], found["acknowledge"]) == ([], None)


def test_a_model_on_gpus_is_planned_on_what_the_region_has(serving: Serving) -> None:
    """The cheapest type that this environment may buy there, and every other that holds it; prices say where they are from."""
    status, found = plan(serving, {"model": large(context_length=8192)})
    assert status == 200, found
    assert (found["fit"]["verdict"], found["fit"]["on"], found["gpus"]["after"]) == ("fits", "g5.xlarge", 1)
    holding = {one["instance_type"]: one["eligible"] for one in found["fit"]["instance_types"]}
    assert (holding["g5.xlarge"], holding["p4d.24xlarge"]) == (True, False)
    assert "g6.xlarge" not in holding, "the region lacks it"
    assert found["cost"]["price_region"] == "us-east-1"
    assert any("us-east-1" in warning for warning in found["warnings"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (samples.hosted, "manifest.json cannot be read in the artefact bucket: NoSuchKey"),
        (lambda: samples.hosted(artifact={**artifact("x", DIGEST), "uri": "s3://elsewhere/x/"}), "the bucket elsewhere"),
        (lambda: small() | {"artifact": artifact(samples.MODEL_ID, DIGEST)}, "SHA-256"),
        (lambda: large(config={"model_type": "llama"}), "does not say num_hidden_layers"),
        (lambda: large(config={"x": "y" * 2**20}), "larger than 1048576 bytes"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(serving: Serving, body: Any, reason: str) -> None:
    """No verdict, with the reason, and no refusal either: the registry and the engine judge later."""
    status, found = plan(serving, {"model": body()})
    assert (status, found["fit"]["verdict"], found["refused"]) == (200, "unknown", [])
    assert reason in found["fit"]["reason"]


IMPOSSIBLE = [
    (lambda: small(context=16_384), "engine.arguments.context_length", "context-exceeds-model"),
    (lambda: small(context=8192, max_sequences=64), "engine.arguments.context_length", "context-does-not-fit"),
    (lambda: large(context_length=131_072), "engine.arguments.context_length", "context-does-not-fit"),
    (lambda: large(LLAMA_70B, BYTES_70B), "accelerator", "weights-do-not-fit"),
    (lambda: large(types=["g5.xlarge", "g6.xlarge"]), "accelerator.instance_types[1]", "instance-type-not-offered"),
    (lambda: large(types=["p4d.24xlarge"]), "accelerator.instance_types[0]", "instance-type-not-bought"),
    (lambda: large(types=["g5.xlarge"], gpus=4), "accelerator.instance_types[0]", "instance-type-too-small"),
    (lambda: large(tensor_parallel_size=2), "engine.arguments.tensor_parallel_size", "gpus-too-few"),
    (lambda: large(tensor_parallel_size=3, gpus=4), "engine.arguments.tensor_parallel_size", "tensor-parallel-uneven"),
]


@pytest.mark.parametrize(("body", "path", "code"), IMPOSSIBLE, ids=[code for _, _, code in IMPOSSIBLE])
def test_a_wish_that_cannot_be_is_refused_and_its_plan_says_why(serving: Serving, body: Any, path: str, code: str) -> None:
    """422 with path, code and hint; the plan lists the same; nothing is written."""
    status, problem = serving.create(body())
    assert (status, [(error["path"], error["code"]) for error in problem["errors"]]) == (422, [(path, code)])
    assert problem["hint"]
    assert world.images(TABLE) == []
    status, found = plan(serving, {"model": body()})
    assert (status, [(one["path"], one["code"]) for one in found["refused"]]) == (200, [(path, code)])
    assert found["hint"] == problem["hint"]


def test_what_fits_is_created(serving: Serving) -> None:
    """The checks let it pass, on Fargate and on GPUs."""
    assert serving.create(small())[0] == 202
    assert serving.create(large(context_length=8192, types=["g5.xlarge"]))[0] == 202


def test_a_changes_plan_names_its_class_and_the_acknowledgement_that_the_change_needs(serving: Serving) -> None:
    """Sent with it, the change is accepted; sent with that of another, it is not."""
    serving.in_service()
    changes = {"container": {"environment": {"TZ": "UTC"}}, "description": "new"}
    status, found = plan(serving, {"model_id": samples.MODEL_ID, "changes": changes})
    assert (status, found["change_class"], found["restarts"], found["surge"]["fits"]) == (200, "restart", True, True)
    classes = {change["path"]: change["change_class"] for change in found["changes"]}
    assert classes == {"container.environment.TZ": "restart", "description": "hot"}
    given: dict[str, Any] = {"path_parameters": {"model_id": samples.MODEL_ID}}
    _, problem, _ = serving.http("update_model", "PATCH", "/x", body=changes, **given)
    assert problem["acknowledge"] == found["acknowledge"]
    hourly = [problem["blast_radius"][f"usd_per_hour_{moment}"] for moment in ("now", "meanwhile", "after")]
    assert hourly == [pytest.approx(0.11652), pytest.approx(0.23304), pytest.approx(0.11652)]
    another = plan(serving, {"model_id": samples.MODEL_ID, "changes": {"container": {"shared_memory_mib": 128}}})[1]
    for token, expected in ((another["acknowledge"], 409), (found["acknowledge"], 202)):
        assert serving.http("update_model", "PATCH", "/x", body={**changes, "acknowledge": token}, **given)[0] == expected


def test_a_change_of_copies_shows_them_and_their_money(serving: Serving) -> None:
    """Rolling: nothing restarts and nothing is to be acknowledged."""
    serving.in_service()
    status, found = plan(serving, {"model_id": samples.MODEL_ID, "changes": {"capacity": {"max": 3, "desired": 3}}})
    assert (status, found["change_class"], found["restarts"], found["acknowledge"]) == (200, "rolling", False, None)
    assert found["copies"] == {"before": 1, "after": 3}
    hourly = [found["cost"][side]["usd_per_hour"]["desired"] for side in ("before", "after")]
    assert hourly[1] == pytest.approx(3 * hourly[0])


def test_a_dry_run_of_each_command_answers_its_plan_and_does_nothing(serving: Serving) -> None:
    """Creation, change, stop, start and deletion; each refuses what the command itself would refuse."""
    assert tried(serving, "create_model", body=small("another"))[1]["command"] == "create"
    serving.in_service()
    for function, method, body in (
        ("update_model", "PATCH", {"description": "x"}),
        ("stop_model", "POST", None),
        ("delete_model", "DELETE", None),
    ):
        status, found = tried(serving, function, method, body)
        assert (status, found["command"]) == (200, function.removesuffix("_model"))
    assert tried(serving, "delete_model", "DELETE")[1]["copies"] == {"before": 1, "after": 0}
    assert tried(serving, "start_model")[1]["code"] == "start-not-possible"
    assert tried(serving, "retry_model")[1]["code"] == "retry-not-possible"
    assert tried(serving, "stop_model", headers={"if-match": '"9"'})[0] == 412


def test_a_failed_models_retry_can_be_tried(serving: Serving) -> None:
    """It leads back to the copies that are wanted."""
    serving.ecs(samples.crashed(serving.running(), 5, 72))
    status, found = tried(serving, "retry_model")
    assert (status, found["copies"]) == (200, {"before": 0, "after": 1})


def test_a_command_that_cannot_be_tried_is_not_done_instead(serving: Serving) -> None:
    """Whoever asks for a dry run of a cancellation gets a refusal, never the cancellation; nonsense is no answer either."""
    given = {"operation_id": serving.create()[1]["operation_id"]}
    status, body, _ = serving.http("cancel_operation", "POST", "/x", path_parameters=given, query={"dry_run": "true"})
    assert (status, body["errors"][0]["code"]) == (422, "dry-run-not-possible")
    assert serving.operation(given["operation_id"])["cancelled_by"] is None
    status, body, _ = serving.http(
        "delete_model", "DELETE", "/x", path_parameters={"model_id": samples.MODEL_ID}, query={"dry_run": "perhaps"}
    )
    assert (status, body["errors"][0]["path"]) == (422, "dry_run")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "validation-failed"),
        ({"model_id": samples.MODEL_ID}, 422, "validation-failed"),
        ({"model_id": samples.MODEL_ID, "changes": {}, "model": samples.hosted()}, 422, "validation-failed"),
        ({"model_id": samples.MODEL_ID, "changes": {"model_id": "other"}}, 422, "validation-failed"),
        ({"model_id": samples.MODEL_ID, "changes": {"capacity": {"min": 9}}}, 422, "validation-failed"),
        ({"model_id": "nobodys", "changes": {}}, 404, "model-not-found"),
        ({"model": samples.hosted()}, 409, "model-exists"),
        ({"model": samples.hosted("mine", allowed_groups=["sales"])}, 403, "group-not-yours"),
    ],
)
def test_a_plan_is_refused_as_its_command_would_be(serving: Serving, body: dict[str, Any], status: int, code: str) -> None:
    """By shape, by visibility, by what is there already."""
    serving.in_service()
    found, problem = plan(serving, body)
    assert (found, problem["code"]) == (status, code)


def test_plans_are_for_those_who_may_act(serving: Serving) -> None:
    """The scope of the commands; another's model does not exist."""
    serving.in_service()
    change = {"model_id": samples.MODEL_ID, "changes": {"description": "x"}}
    assert plan(serving, change, samples.READER)[1]["code"] == "scope-missing"
    assert plan(serving, change, samples.STRANGER)[1]["code"] == "model-not-found"


def instances(serving: Serving, caller: Any = samples.READER, **query: str) -> Any:
    """`GET /instances`, which keeps to its contract."""
    status, body, _ = serving.http("list_instances", "GET", "/instances", caller, query=query)
    assert status == 200, body
    InstanceList.validate_document(body)
    return body


def test_instances_are_listed_page_by_page_and_filtered(serving: Serving) -> None:
    """Each once, in order; by GPUs, memory, family, and what the region has."""
    every = [item["instance_type"] for item in instances(serving, limit="200")["items"]]
    assert every == sorted(every)
    seen: list[str] = []
    token = None
    while token or not seen:
        page = instances(serving, limit="20", **({"next_token": token} if token else {}))
        seen, token = [*seen, *(item["instance_type"] for item in page["items"])], page["next_token"]
    assert seen == every
    assert {item["family"] for item in instances(serving, family="g6e")["items"]} == {"g6e"}
    assert min(item["accelerators"] for item in instances(serving, gpus_min="8")["items"]) == 8
    assert [item["instance_type"] for item in instances(serving, memory_min="2000")["items"]] == ["p6-b300.48xlarge"]
    offered = {item["instance_type"] for item in instances(serving, offered="true", limit="200")["items"]}
    assert set(GPU_TYPES) < offered < set(every)
    assert not offered & {item["instance_type"] for item in instances(serving, offered="false", limit="200")["items"]}


def test_an_instance_says_what_is_known_of_it_and_from_where(serving: Serving) -> None:
    """Offer of the region, price of the list with its region and date, no quota where none could be read."""
    body = instances(serving, family="g5")
    (item,) = [item for item in body["items"] if item["instance_type"] == "g5.xlarge"]
    assert (item["accelerator"], item["accelerators"], item["offered"], item["bought_here"], item["quota_left"]) == (
        "A10G",
        1,
        True,
        True,
        None,
    )
    assert (body["source"], body["price_source"], body["price_region"], body["quotas"]) == ("live", "snapshot", "us-east-1", [])
    assert item["usd_per_month"] == pytest.approx(1.006 * 730)


def test_instances_that_hold_a_model_are_found(serving: Serving) -> None:
    """With verdict and figures; another's model does not exist, and a third party's needs none."""
    serving.create(large(context_length=32_768))
    items = instances(serving, fits_model="large", limit="200")["items"]
    verdicts = {item["instance_type"]: item["fit"]["verdict"] for item in items}
    assert verdicts["p5en.48xlarge"] == "fits"
    assert verdicts["g6.xlarge"] == "tight"
    assert "g4dn.xlarge" not in verdicts
    given = {"query": {"fits_model": "large"}}
    assert serving.http("list_instances", "GET", "/instances", {**samples.STRANGER, "scopes": ["models:read"]}, **given)[0] == 404
    serving.create(samples.provider())
    assert serving.http("list_instances", "GET", "/instances", samples.READER, query={"fits_model": "claude"})[0] == 422
