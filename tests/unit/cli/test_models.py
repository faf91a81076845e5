"""`slipway models …`: what is sent, and what is shown."""

import json
from pathlib import Path

import pytest

from tests.fakes.management import OPERATION_ID, FakeManagement, Told, accepted, event, model, operation, page, problem
from tests.unit.cli.running import Ended, Terminal, last

ACKNOWLEDGE = "ack_" + "a" * 40
RADIUS = {
    "fields": ["container.environment.OMP_NUM_THREADS"],
    "strategy": "in_place",
    "surge_fits": False,
    "surge": "there is no room for a second copy",
    "requests_in_flight": 12,
    "expected_downtime_seconds": 95.0,
    "copies": 1,
    "gpus_now": 1,
    "gpus_meanwhile": 1,
    "usd_per_hour_now": 1.8614,
    "usd_per_hour_meanwhile": 3.7228,
    "usd_per_hour_after": 1.8614,
}
REFUSAL = problem(
    409, "restart-acknowledgement-required", "the change replaces the containers that run", acknowledge=ACKNOWLEDGE, blast_radius=RADIUS
)
CHANGE = ("models", "update", "parrot", "--env", "OMP_NUM_THREADS=2")
PATCH = {"container": {"environment": {"OMP_NUM_THREADS": "2"}}}


def updating(agrees: bool | None = None) -> Terminal:
    """A platform that wants a restart acknowledged."""

    def decide(asked: object) -> Told:
        return accepted() if getattr(asked, "body", {}).get("acknowledge") == ACKNOWLEDGE else REFUSAL

    return Terminal(FakeManagement({"PATCH /models/parrot": [decide]}), agrees=agrees)


def test_a_list_is_a_table_for_people() -> None:
    """With what one looks for: status, version, what answers, copies."""
    provider = {
        name: value
        for name, value in model("claude", hosting="provider", provider={"name": "bedrock"}).items()
        if name not in {"capacity", "engine"}
    }
    ended = Terminal(FakeManagement({"GET /models": [page(model(), provider)]})).run("models", "list")
    head, first, second = ended.out.splitlines()
    assert head.split() == ["MODEL", "STATUS", "VERSION", "ANSWERED", "BY", "COPIES", "GEN", "GROUPS", "UPDATED"]
    assert first.split()[:7] == ["parrot", "InService", "1.0.0", "mock", "1/1", "3", "research"]
    assert second.split()[:5] == ["claude", "InService", "1.0.0", "bedrock", "-"]


def test_a_list_says_that_there_is_more() -> None:
    """On standard error, and how to get it."""
    ended = Terminal(FakeManagement({"GET /models": [page(model(), next_token="abc")]})).run("models", "list")
    assert "--next-token abc" in ended.err
    assert "abc" not in ended.out


def test_an_empty_list_prints_nothing_that_a_program_could_mistake() -> None:
    """The word goes to standard error."""
    ended = Terminal(FakeManagement({"GET /models": [page()]})).run("models", "list")
    assert (ended.out, ended.err.strip(), ended.code) == ("", "No models.", 0)


def test_a_list_as_json_is_what_the_api_answers() -> None:
    """Items and the token of the next page."""
    ended = Terminal(FakeManagement({"GET /models": [page(model(), next_token="abc")]})).run("models", "list", "--json")
    assert json.loads(ended.out) == {"items": [model()], "next_token": "abc"}


def test_names_cannot_command_a_terminal() -> None:
    """Escape sequences and letters that turn the writing around are shown as what they are."""
    wicked = model(description="\x1b[2Jgone \u202egnorw\x07", version="\x9b31m1")
    for words in (("models", "show", "parrot"), ("models", "show", "parrot", "--json"), ("models", "show", "parrot", "--output", "yaml")):
        ended = Terminal(FakeManagement({"GET /models/parrot": [Told(200, wicked)]})).run(*words)
        assert ended.code == 0
        assert not set("\x1b\x07\x9b\u202e") & set(ended.out), words


def test_a_model_is_shown_with_its_failure_and_its_hint() -> None:
    """What became of the wish comes first."""
    failure = {"code": "weights-corrupt", "message": "the digest differs", "hint": "Upload it again."}
    upcoming = {"action": "start", "at": "2999-01-01T07:00:00Z", "local": "2999-01-01T08:00:00+01:00"}
    failed = model(status="Failed", failure=failure, generation=4, next_action=upcoming)
    out = Terminal(FakeManagement({"GET /models/parrot": [Told(200, failed)]})).run("models", "show", "parrot").out
    for words in (
        "Failed",
        "weights-corrupt: the digest differs",
        "hint: Upload it again.",
        "4, in effect is 3",
        "capacity.max",
        "RouteOpen",
    ):
        assert words in out
    assert "engine.image" not in out, "what is not set is left out"


def test_a_model_is_created_from_flags() -> None:
    """Hosting follows from the rest; pairs become objects, an engine's arguments are JSON where they can be."""
    terminal = Terminal(FakeManagement({"POST /models": [accepted()]}))
    ended = terminal.run(
        "models",
        "create",
        "parrot",
        "-g",
        "research",
        "-g",
        "legal",
        "--engine",
        "mock",
        "--engine-argument",
        "tokens_per_second=40",
        "--engine-argument",
        "fail_with=out-of-memory",
        "--artifact",
        "s3://weights/parrot/1.0.0/",
        "--manifest-sha256",
        "0" * 64,
        "--tag",
        "cost.centre=42",
        "--max",
        "4",
        "--no-streaming",
        "--delete-protection",
        "--temperature",
        "0.5",
    )
    assert last(terminal).body == {
        "model_id": "parrot",
        "hosting": "hosted",
        "allowed_groups": ["research", "legal"],
        "tags": {"cost.centre": "42"},
        "engine": {"kind": "mock", "arguments": {"tokens_per_second": 40, "fail_with": "out-of-memory"}},
        "artifact": {"uri": "s3://weights/parrot/1.0.0/", "manifest_sha256": "0" * 64},
        "capacity": {"max": 4},
        "features": {"streaming": False},
        "generation_defaults": {"temperature": 0.5},
        "delete_protection": True,
    }
    assert ended.code == 0
    assert OPERATION_ID in ended.out
    assert f"slipway operations wait {OPERATION_ID}" in ended.err


def test_a_providers_model_is_created_from_flags() -> None:
    """Its hosting is provider."""
    terminal = Terminal(FakeManagement({"POST /models": [accepted()]}))
    terminal.run(
        "models", "create", "claude", "-g", "*", "--provider", "bedrock", "--provider-model", "anthropic.claude", "--region", "eu-west-1"
    )
    wanted = {"name": "bedrock", "model": "anthropic.claude", "region": "eu-west-1"}
    assert last(terminal).body == {"model_id": "claude", "hosting": "provider", "allowed_groups": ["*"], "provider": wanted}


def test_flags_win_over_assignments_of_a_file(tmp_path: Path) -> None:
    """File, then flags, then --set."""
    path = tmp_path / "model.yaml"
    path.write_text("model_id: parrot\nhosting: hosted\ncapacity: {min: 0, max: 1, desired: 1}\n")
    terminal = Terminal(FakeManagement({"POST /models": [accepted()]}))
    terminal.run("models", "create", "--file", str(path), "--max", "3", "--set", "capacity.desired=2")
    assert last(terminal).body == {"model_id": "parrot", "hosting": "hosted", "capacity": {"min": 0, "max": 3, "desired": 2}}


def test_a_model_is_created_from_standard_input() -> None:
    """A pipe is as good as a file, and the argument names the model."""
    terminal = Terminal(FakeManagement({"POST /models": [accepted()]}))
    terminal.run("models", "create", "second", "--file", "-", stdin='{"model_id": "parrot", "hosting": "hosted"}')
    assert last(terminal).body == {"model_id": "second", "hosting": "hosted"}


@pytest.mark.parametrize(
    "words",
    [
        "models create",
        "models update parrot",
        "models update parrot --set x",
        "models update parrot --tag x",
        "models plan",
        "models stop parrot --timeout 3",
        "models stop parrot --dry-run --wait",
        "models list --all --next-token x",
        "models list --status Sleepy",
        "models list --limit 0",
        "models list --json --output yaml",
        "models events parrot --follow --order desc",
        "models",
        "nothing",
    ],
)
def test_words_that_make_no_sense_send_nothing(words: str) -> None:
    """Exit code 2."""
    terminal = Terminal()
    assert (terminal.run(*words.split()).code, terminal.api.asked) == (2, [])


def test_an_update_is_a_merge_patch_of_what_was_named() -> None:
    """--unset gives a field its default back."""
    terminal = Terminal(FakeManagement({"PATCH /models/parrot": [accepted()]}))
    terminal.run("models", "update", "parrot", "--description", "words", "--unset", "capacity.idle_minutes", "--set-text", "tags.n=1")
    assert last(terminal).body == {"description": "words", "capacity": {"idle_minutes": None}, "tags": {"n": "1"}}


@pytest.mark.parametrize(("given", "sent"), [("3", '"3"'), ('"3"', '"3"'), ("*", "*")])
def test_if_match_takes_a_generation(given: str, sent: str) -> None:
    """The quotes are ours to add."""
    terminal = Terminal(FakeManagement({"POST /models/parrot/start": [accepted()]}))
    terminal.run("models", "start", "parrot", "--if-match", given)
    assert last(terminal).headers["if-match"] == sent


def test_if_match_current_reads_the_generation_first() -> None:
    """Whatever happens between the two requests is noticed."""
    terminal = Terminal(
        FakeManagement({"GET /models/parrot": [Told(200, model(), {"ETag": '"3"'})], "PUT /models/parrot/schedule": [accepted()]})
    )
    terminal.run("models", "schedule", "set", "parrot", "-z", "UTC", "--window", "daily 08:00-18:00", "--if-match", "current")
    assert [asked.path for asked in terminal.api.asked] == ["/models/parrot", "/models/parrot/schedule"]
    assert last(terminal).headers["if-match"] == '"3"'


def shown(ended: Ended) -> bool:
    """Whether the consequences were shown."""
    return all(
        words in ended.err
        for words in (
            "container.environment.OMP_NUM_THREADS",
            "12",
            "about 1 min 35 s",
            "no room for a second copy",
            "1.86 now, 3.72 meanwhile",
        )
    )


def test_a_restart_is_shown_and_refused_where_nobody_can_agree() -> None:
    """Exit code 4, with the acknowledgement to send."""
    terminal = updating()
    ended = terminal.run(*CHANGE)
    assert (ended.code, len(terminal.api.asked)) == (4, 1)
    assert shown(ended)
    assert f"--acknowledge {ACKNOWLEDGE}" in ended.err


def test_a_restart_is_carried_out_when_a_person_agrees() -> None:
    """The same change with the acknowledgement, under the same key."""
    terminal = updating(agrees=True)
    ended = terminal.run(*CHANGE)
    assert ended.code == 0
    assert shown(ended)
    assert [asked.body for asked in terminal.api.asked] == [PATCH, PATCH | {"acknowledge": ACKNOWLEDGE}]
    assert len({asked.headers["idempotency-key"] for asked in terminal.api.asked}) == 1


def test_a_restart_is_not_carried_out_when_a_person_does_not_agree() -> None:
    """Nothing is sent a second time."""
    terminal = updating(agrees=False)
    assert (terminal.run(*CHANGE).code, len(terminal.api.asked)) == (4, 1)


def test_yes_agrees_beforehand() -> None:
    """Nobody is asked, the consequences are shown all the same."""
    terminal = updating()
    ended = terminal.run(*CHANGE, "--yes")
    assert (ended.code, terminal.questions, shown(ended)) == (0, [], True)


def test_an_acknowledgement_is_sent_along() -> None:
    """As the refusal named it."""
    terminal = updating()
    assert terminal.run(*CHANGE, "--acknowledge", ACKNOWLEDGE).code == 0
    assert [asked.body for asked in terminal.api.asked] == [PATCH | {"acknowledge": ACKNOWLEDGE}]


def test_a_refused_restart_as_json_holds_everything() -> None:
    """A script reads the acknowledgement and the consequences from the problem document."""
    ended = updating().run(*CHANGE, "--json")
    found = json.loads(ended.err)
    assert (ended.code, found["acknowledge"], found["blast_radius"]) == (4, ACKNOWLEDGE, RADIUS)


def test_a_dry_run_asks_for_the_plan() -> None:
    """And follows no operation, as there is none."""
    terminal = Terminal(FakeManagement({"PATCH /models/parrot": [Told(200, {"change_class": "rolling"})]}))
    ended = terminal.run("models", "update", "parrot", "--max", "4", "--dry-run")
    assert last(terminal).query == {"dry_run": "true"}
    assert (ended.code, "rolling" in ended.out) == (0, True)


@pytest.mark.parametrize(
    ("agrees", "words", "code", "sent"),
    [(None, [], 2, 0), (False, [], 1, 0), (True, [], 0, 1), (None, ["--yes"], 0, 1), (None, ["--dry-run"], 0, 1)],
)
def test_a_deletion_is_agreed_to(agrees: bool | None, words: list[str], code: int, sent: int) -> None:
    """By a person or by --yes; a dry run deletes nothing."""
    terminal = Terminal(FakeManagement({"DELETE /models/parrot": [accepted()]}), agrees=agrees)
    assert (terminal.run("models", "delete", "parrot", *words).code, len(terminal.api.asked)) == (code, sent)


def test_a_timeline_says_who_did_what() -> None:
    """Changes, failures, decisions, and otherwise what differs."""
    entries = [
        event(1),
        event(2, "ModelUpdated", data={"changes": {"capacity": {"max": 4}}}),
        event(3, "CapacityChanged", data={"decision": {"before": 1, "after": 2, "reason": "14.5 in flight, above 8"}, "reason": "x"}),
        event(4, "ModelFailed", data={"failure": {"code": "out-of-memory", "message": "killed"}}),
    ]
    out = Terminal(FakeManagement({"GET /models/parrot/events": [page(*entries)]})).run("models", "events", "parrot").out
    for words in ("status - → Creating", "capacity.max=4", "1 → 2: 14.5 in flight, above 8", "out-of-memory: killed", "oidc:ada"):
        assert words in out


def test_a_timeline_is_followed_without_gaps_or_repetition() -> None:
    """New entries as they come, each once, also when they fill more than a page; ended by an interrupt."""
    pages = [page(event(2), event(1)), page(), page(event(5), event(4), next_token="n"), page(event(3), event(2)), page(event(5))]
    terminal = Terminal(FakeManagement({"GET /models/parrot/events": list(pages)}), interrupts_after=5)
    ended = terminal.run("models", "events", "parrot", "--follow", "--json")
    assert [json.loads(line)["revision"] for line in ended.out.splitlines()] == [1, 2, 3, 4, 5]
    assert ended.code == 130


def test_waiting_goes_on_after_a_change() -> None:
    """--wait prints the operation's end."""
    api = FakeManagement({"POST /models/parrot/stop": [accepted()]})
    api.on(f"GET /operations/{OPERATION_ID}", operation("Running", kind="stop"), operation("Succeeded", kind="stop"))
    ended = Terminal(api).run("models", "stop", "parrot", "--wait")
    assert (ended.code, "stop parrot succeeded" in ended.out) == (0, True)
