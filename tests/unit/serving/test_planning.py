"""What a plan warns of, and when copies are replaced."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.model import MODEL_SPEC
from serving.domain.facts import ModelFacts, Unread
from serving.domain.fields import ChangeClass, classify
from serving.domain.instances import Fargate, InstanceType, Offer, Quota
from serving.domain.planning import Plan, Wish, plan
from tests.unit.serving.test_fit import BYTES_8B, LLAMA_8B, facts

SMALL = InstanceType("g6.xlarge", "L4", 1, 22.35, 22.03, 4, 16.0, usd_per_hour=0.8)
WIDE = InstanceType("g6.12xlarge", "L4", 4, 22.35, 22.03, 48, 192.0, usd_per_hour=4.6)
ROOMY = InstanceType("g6e.xlarge", "L40S", 1, 44.7, 44.4, 4, 32.0, usd_per_hour=1.9)
OFFER = Offer(
    "eu-west-1",
    "live",
    "2026-02-02",
    "eu-west-1",
    "live",
    "2026-02-02",
    Fargate(0.04, 0.004),
    (SMALL, WIDE, ROOMY),
    offered=frozenset({"g6.xlarge", "g6.12xlarge", "g6e.xlarge"}),
    quotas={"L-DB2E81BA": Quota("L-DB2E81BA", 96, 8)},
    capacity="AutoScalingGroup",
)
MODEL: ModelFacts = facts(LLAMA_8B, BYTES_8B)


def wish(gpus: int = 1, types: list[str] | None = None, capacity: dict[str, int] | None = None, **arguments: Any) -> dict[str, Any]:
    """A whole wish for vLLM."""
    given = {
        "model_id": "large",
        "hosting": "hosted",
        "allowed_groups": ["research"],
        "artifact": {"uri": "s3://artifacts/large/1.0.0/", "manifest_sha256": "0" * 64},
        "engine": {"kind": "vllm", "arguments": {"context_length": 8192, **arguments}},
        "accelerator": {"gpus": gpus, "instance_types": types or []},
        "capacity": capacity or {"max": 1},
    }
    return MODEL_SPEC.validate_python(given).document()


def planned(spec: dict[str, Any], offer: Offer = OFFER, found: ModelFacts | Unread = MODEL, before: dict[str, Any] | None = None) -> Plan:
    """The plan of a new model, or of a change of one in service."""
    first = Wish(before, 1) if before else Wish(None)
    changes = classify(before, spec) if before else ()
    return plan("update" if before else "create", first, Wish(spec, 1), changes, found, offer, in_service=bool(before), serves=True)


def test_a_plain_wish_where_everything_is_known_has_no_warning() -> None:
    """Prices of the region and of the day, room, a comfortable fit."""
    assert planned(wish()).warnings == ()


@pytest.mark.parametrize(
    ("spec", "changes", "words"),
    [
        (wish(context_length=32_768), {}, "on g6.xlarge: holds 1.02 requests"),
        (wish(context_length=65_536), {}, "only others hold it: name g6e.xlarge"),
        (wish(types=["g6.12xlarge"], gpus=3, tensor_parallel_size=2), {}, "the engine uses 2 of a task's 3 GPUs"),
        (wish(gpus=3, tensor_parallel_size=2), {}, "1 of the 4 GPUs of a g6.12xlarge stay idle"),
        (wish(gpus=4), {}, "the engine uses 1 of a task's 4 GPUs"),
        (wish(capacity={"max": 30}), {}, "room for 22 more g6.xlarge, and capacity.max needs 30"),
        (wish(), {"offered": None}, "could not be asked"),
        (wish(), {"price_region": "us-east-1"}, "prices are those of us-east-1 on 2026-02-02, and the model runs in eu-west-1"),
        (wish(), {"price_source": "snapshot"}, "prices are those of 2026-02-02"),
        (wish(), {"capacity": "ManagedInstances"}, "management fee"),
        (wish(), {"capacity": "None"}, "no GPU capacity"),
        (wish(gpus=16), {}, "no instance type that is bought"),
    ],
)
def test_what_is_to_be_minded_is_said(spec: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    """Each in a sentence that says what to do about it, or what is not known."""
    found = planned(spec, replace(OFFER, **changes)).warnings
    assert [one for one in found if words in one], found


def test_a_restart_says_whether_both_sets_of_copies_have_room() -> None:
    """With room by a surge, without it in place and with a warning."""
    before, after = wish(), wish(max_sequences=16)
    found = planned(after, before=before)
    assert (found.change_class, found.restarts, found.room) == (ChangeClass.RESTART, True, (True, found.room[1] if found.room else ""))
    tight = replace(OFFER, quotas={"L-DB2E81BA": Quota("L-DB2E81BA", 8, 8)})
    found = planned(after, tight, before=before)
    assert found.room is not None
    assert not found.room[0]
    assert found.warnings[0].startswith("copies are replaced in place, with an outage")


def test_unknown_facts_are_no_refusal() -> None:
    """The reason is among the warnings."""
    found = planned(wish(), found=Unread("the artefact lists no config.json"))
    assert found.refused == ()
    assert any("the artefact lists no config.json" in one for one in found.warnings)
