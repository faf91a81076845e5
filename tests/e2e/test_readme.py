"""A stranger follows the README and gets what it says."""

import json
import re
import shlex

import pytest

from tests.e2e.platform import README, ROOT, Platform, Reply, Started, snippet

MODEL = "smollm2-135m"


def test_make_up_brings_a_model_into_service_and_asks_it(started: Started) -> None:
    """`make up` shows the lifecycle's events, the model's answer, the addresses and both tokens."""
    said = started.output
    for event in ("ModelRequested", "ModelVersionValidated", "CapacityChanged", "RouteChanged", "ModelInService"):
        assert event in said
    assert re.search(rf"{MODEL}: \S", said), said
    values = started.platform.values
    assert all(values[name] in said for name in ("MANAGEMENT_URL", "OPENAI_BASE_URL", "ADMIN_TOKEN", "OPENAI_API_KEY"))


def test_status_says_what_runs(platform: Platform) -> None:
    """`make status` names the programs, the router and the model, and succeeds."""
    done = platform.run("make status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(word in done.stdout for word in ("emulator", "router", MODEL, "InService"))


def test_a_second_make_up_changes_nothing(platform: Platform) -> None:
    """The same tokens, the same model, not one more event in its timeline; what a killed `make tail` left behind is gone."""
    platform.aws("sqs").create_queue(QueueName="tail-1-0")
    before, timeline = dict(platform.values), platform.call("GET", f"/models/{MODEL}/events").json
    platform.up()
    assert platform.values == before
    assert platform.call("GET", f"/models/{MODEL}/events").json == timeline
    queues = [url.rsplit("/", 1)[-1] for url in platform.aws("sqs").list_queues()["QueueUrls"]]
    assert [name for name in queues if not name.startswith("slipway-local-")] == []


def test_curl_gets_a_streamed_answer(platform: Platform) -> None:
    """The README's curl prints server-sent events that end in [DONE] and hold words."""
    lines = [line.removeprefix("data: ") for line in platform.tried("ask").splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    words = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert len([word for word in words if word]) > 1
    assert "".join(words).strip()


def test_openai_client_gets_a_streamed_answer(platform: Platform) -> None:
    """The README's Python prints the model's words."""
    assert platform.tried_python("openai").strip()


def test_the_command_line_shows_and_asks(platform: Platform) -> None:
    """The README's commands print the table, the model, its timeline, and the model's words last."""
    said = platform.tried("cli")
    for words in ("ANSWERED BY", "llama.cpp", "InService", "ModelRequested", "ModelInService", "RouteOpen"):
        assert words in said
    assert said[said.rindex("ModelInService") :].splitlines()[-1].strip()


def test_curl_reads_models_and_timeline(platform: Platform) -> None:
    """The README's two reads answer the list and the timeline, which ends in ModelInService."""
    decoder, text = json.JSONDecoder(), platform.tried("read").strip()
    models, end = decoder.raw_decode(text)
    timeline, _ = decoder.raw_decode(text[end:].strip())
    assert MODEL in {model["model_id"] for model in models["items"]}
    assert timeline["items"][0]["event_type"] == "ModelRequested"
    assert "ModelInService" in {entry["event_type"] for entry in timeline["items"]}


def test_creating_twice_with_one_key_happens_once(platform: Platform) -> None:
    """The README's create, sent again, gets the first answer; the model answers; the README's delete leaves nothing."""
    first, again = platform.tried("create"), platform.tried("create")
    assert json.loads(again) == json.loads(first)
    operation = json.loads(first)["operation_id"]
    assert platform.settled(platform_reply(first))["status"] == "Succeeded"
    platform.answers("parrot")
    requested = [e for e in platform.call("GET", "/models/parrot/events").json["items"] if e["event_type"] == "ModelRequested"]
    assert [entry["correlation_id"] for entry in requested] == [operation]
    assert platform.settled(platform_reply(platform.tried("delete")))["status"] == "Succeeded"
    assert platform.call("GET", "/models/parrot").status == 404
    platform.assert_nothing_left("parrot")


def platform_reply(text: str) -> Reply:
    """What curl printed, as the 202 that it was."""
    return Reply(202, {}, text)


@pytest.mark.parametrize("line", [line for line in snippet("aws").splitlines() if line.strip()])
def test_aws_command_line_works(platform: Platform, line: str) -> None:
    """Each AWS CLI line, made with boto3 from the same environment, names something that is there."""
    _, service, operation, *options = shlex.split(re.sub(r"\$(\w+)", lambda name: platform.values[name.group(1)], line))
    client = platform.aws({"s3api": "s3"}.get(service, service))
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation.replace("-", "_")]).input_shape
    names = {name.lower(): name for name in shape.members}
    given = {names[flag.removeprefix("--").replace("-", "")]: value for flag, value in zip(options[::2], options[1::2], strict=True)}
    answer = getattr(client, operation.replace("-", "_"))(**given)
    assert any(value for key, value in answer.items() if isinstance(value, list) and key != "ResponseMetadata")


def test_api_describes_itself(platform: Platform) -> None:
    """`/openapi.json` is open to everybody and is the document in the tree."""
    reply = platform.call("GET", "/openapi.json", token="")
    assert reply.json == json.loads((ROOT / "layers/contracts/contracts/openapi.json").read_text())


def test_links_lead_somewhere() -> None:
    """Every relative link and picture of the README exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()):
        assert (ROOT / target).exists(), target
