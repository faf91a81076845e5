"""What a region offers: from AWS where it answers, from the shipped list where it does not; and what follows for room and money."""

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kit.clock import ManualClock
from scripts import instances as script
from serving.adapters import catalogue
from serving.adapters.catalogue import Snapshot, snapshot
from serving.adapters.instances import Clients, Place, RegionInstances
from serving.domain.cost import cost, monthly
from serving.domain.instances import Fargate, InstanceType, Offer, Quota, candidates, surge
from tests.fakes import region

SMALL = InstanceType("g6.xlarge", "L4", 1, 22.35, 22.03, 4, 16.0, usd_per_hour=0.8)
LARGE = InstanceType("g6.12xlarge", "L4", 4, 22.35, 22.03, 48, 192.0, usd_per_hour=4.6)
ROOMY = InstanceType("g6e.xlarge", "L40S", 1, 44.7, 44.4, 4, 32.0, usd_per_hour=None, price_source="nobody said")
KNOWN = Snapshot("2026-01-01", "us-east-1", Fargate(0.04, 0.004), "a list", (SMALL, LARGE, ROOMY))
ARM = "L-DB2E81BA"


def offer(**changes: Any) -> Offer:
    """An offer of the three types."""
    usual = Offer("eu-west-1", "live", "2026-02-02", "eu-west-1", "live", "2026-02-02", Fargate(0.04, 0.004), KNOWN.types)
    return replace(usual, **changes)


def wish(gpus: int = 1, desired: int = 1, types: list[str] | None = None, memory: float | None = None, most: int = 4) -> dict[str, Any]:
    """What matters here of a hosted model."""
    capacity = {"min": 0, "max": most, "desired": desired}
    return {
        "hosting": "hosted",
        "accelerator": {"gpus": gpus, "gpu_memory_gib": memory, "instance_types": types or []},
        "capacity": capacity,
    }


def left(vcpus: float | None) -> dict[str, Quota]:
    """A quota with so many vCPUs left; None = nobody could say."""
    return {ARM: Quota(ARM, None if vcpus is None else 100.0, None if vcpus is None else 100.0 - vcpus)}


@dataclass(frozen=True)
class Answering:
    """Clients that remember what they were asked; `pricing` None = there is no Price List."""

    ec2: region.Recorded
    quotas: region.Recorded
    metrics: region.Recorded
    pricing: region.Recorded | None


def asked(clients: Answering, place: Place | None = None, clock: ManualClock | None = None) -> RegionInstances:
    """The adapter over these clients."""
    price_list = clients.pricing
    made = Clients(
        lambda: clients.ec2, lambda: clients.quotas, lambda: clients.metrics, (lambda: price_list) if price_list is not None else None
    )
    return RegionInstances(made, KNOWN, place or Place("eu-west-1"), clock or ManualClock())


def live(**changes: Any) -> Answering:
    """Clients of a region that answers."""
    usual = Answering(region.ec2(["g6.xlarge", "g9.xlarge"]), region.quotas(32), region.metrics(4, 8), region.pricing({"g6.xlarge": "0.9"}))
    return replace(usual, **changes)


def test_aws_is_believed_before_the_list() -> None:
    """Offers, a type that the list does not know, prices of the region itself, the quota and the latest word on its use."""
    found = asked(live()).offer()
    assert (found.source, found.price_source, found.price_region) == ("live", "live", "eu-west-1")
    assert (found.has("g6.xlarge"), found.has("g6.12xlarge"), found.has("m9.size3")) == (True, False, True)
    strange = found.find("g9.xlarge")
    assert strange is not None
    assert (strange.accelerator, strange.memory_gib, strange.usable_gib) == ("L9", 96.0, 93.12)
    assert {one.instance_type: one.usd_per_hour for one in found.types}["g6.xlarge"] == 0.9
    assert (found.fargate, found.quotas[ARM].left) == (Fargate(0.05, 0.005), 24.0)


def test_only_what_the_list_does_not_know_is_described() -> None:
    """One call for types of GPU families, none for the thousand others."""
    clients = live()
    asked(clients).offer()
    assert [given for name, given in clients.ec2.asked if name == "describe_instance_types"] == [{"InstanceTypes": ["g9.xlarge"]}]


@pytest.mark.parametrize("code", ["InvalidAction", "UnauthorizedOperation", "RequestLimitExceeded"])
def test_where_ec2_does_not_answer_the_list_does_and_says_so(code: str) -> None:
    """A laptop, a role without the grant, a throttled account: dated, and nothing claimed about the region."""
    found = asked(live(ec2=region.ec2([], describe_instance_type_offerings=code))).offer()
    assert (found.source, found.as_of, found.offered) == ("snapshot", "2026-01-01", None)
    assert (found.has("g6.xlarge"), [one.instance_type for one in found.types]) == (None, ["g6.xlarge", "g6.12xlarge", "g6e.xlarge"])


def test_each_service_fails_for_itself() -> None:
    """Without quotas there are still offers, without prices of the region those of the list with its region and date."""
    found = asked(live(quotas=region.quotas(1, get_service_quota="AccessDenied"), pricing=None)).offer()
    assert (found.source, found.quotas, found.price_source, found.price_region) == ("live", {}, "snapshot", "us-east-1")
    assert found.price_as_of == "2026-01-01"
    assert found.left(SMALL) is None


def test_a_handful_of_types_is_no_region() -> None:
    """An emulator that answers with next to nothing is not believed."""
    few = region.ec2([], describe_instance_type_offerings={"InstanceTypeOfferings": [{"InstanceType": "t3.micro"}]})
    assert asked(live(ec2=few)).offer().offered is None


def test_answers_are_kept_for_as_long_as_they_stay_true() -> None:
    """Quotas for a minute, offers for an hour; a failure is asked again after a minute."""
    clock, clients = ManualClock(), live()
    adapter = asked(clients, clock=clock)
    for _ in range(3):
        adapter.offer()
    assert len(clients.quotas.asked) == 3  # one for each quota
    clock.advance(61)
    adapter.offer()
    assert len(clients.quotas.asked) == 6
    assert [name for name, _ in clients.ec2.asked].count("describe_instance_type_offerings") == 1
    clients.quotas.answers["get_service_quota"] = "Throttling"
    clock.advance(61)
    assert adapter.offer().quotas == {}
    clients.quotas.answers = region.quotas(64).answers
    clock.advance(61)
    assert adapter.offer().quotas[ARM].limit == 64


def test_what_is_not_wanted_is_not_asked() -> None:
    """A check of types needs neither quotas nor prices, a wish without GPUs nothing at all."""
    clients = live()
    adapter = asked(clients)
    adapter.offer(quotas=False, prices=False)
    assert (clients.quotas.asked, clients.metrics.asked, clients.pricing.asked if clients.pricing else []) == ([], [], [])
    other = live()
    assert asked(other).surge_fits(wish(gpus=0))[0]
    assert other.ec2.asked == []


def test_an_unused_quota_has_no_datapoints() -> None:
    """No use reported is no use; a quota that names no metric is not known to be free."""
    assert asked(live(metrics=region.metrics())).offer().quotas[ARM].left == 32.0
    silent = region.quotas(1, get_service_quota={"Quota": {"Value": 32.0}})
    assert asked(live(quotas=silent)).offer().quotas[ARM].left is None


def test_the_price_list_is_asked_for_this_region_on_demand_only() -> None:
    """Reservations at zero and other systems would come along otherwise."""
    clients = live()
    asked(clients).offer()
    assert clients.pricing is not None
    filters = {item["Field"]: item["Value"] for item in clients.pricing.asked[0][1]["Filters"]}
    assert (filters["regionCode"], filters["capacitystatus"], filters["operatingSystem"]) == ("eu-west-1", "Used", "Linux")


@pytest.mark.parametrize(
    ("spec", "given", "names"),
    [
        (wish(), {}, ["g6.xlarge", "g6.12xlarge", "g6e.xlarge"]),
        (wish(gpus=2), {}, ["g6.12xlarge"]),
        (wish(memory=24), {}, ["g6e.xlarge"]),
        (wish(types=["g6e.xlarge"]), {}, ["g6e.xlarge"]),
        (wish(), {"allowed": ("g6.*",)}, ["g6.xlarge", "g6.12xlarge"]),
        (wish(), {"offered": frozenset({"g6.12xlarge"})}, ["g6.12xlarge"]),
        (wish(gpus=0), {}, []),
    ],
)
def test_candidates_are_what_is_asked_for_bought_here_and_offered_cheapest_first(spec: Any, given: Any, names: list[str]) -> None:
    """A type without a known price comes last, not first."""
    assert [one.instance_type for one in candidates(spec, offer(**given))] == names


@pytest.mark.parametrize(
    ("spec", "given", "fits", "word"),
    [
        ({"hosting": "provider"}, {}, True, "third party"),
        (wish(gpus=0, desired=3), {}, True, "Fargate"),
        (wish(), {"quotas": left(4)}, True, "room for 1"),
        (wish(), {"quotas": left(3)}, False, "room for 0"),
        (wish(desired=2), {"quotas": left(4)}, False, "2 more"),
        (wish(), {"quotas": left(None)}, True, "cannot be read"),
        (wish(), {"capacity": "None"}, False, "no GPU capacity"),
        (wish(gpus=8), {}, False, "no instance type"),
        (wish(desired=3), {"capacity": "AutoScalingGroup", "most_instances": 1, "quotas": left(400)}, False, "at most 1"),
        (wish(desired=2), {"capacity": "AutoScalingGroup", "most_instances": 1, "quotas": left(400)}, True, "room for"),
    ],
)
def test_a_second_set_of_copies_fits_where_the_quota_has_room(spec: Any, given: Any, fits: bool, word: str) -> None:
    """By what is known; what is not known is tried, since the present copies serve meanwhile."""
    found, sentence = surge(spec, offer(**given))
    assert found is fits
    assert word in sentence


@pytest.mark.parametrize(
    ("spec", "desired", "hourly"),
    [
        (wish(gpus=0), 2, (0.0, 0.224, 0.448)),
        (wish(), 2, (0.0, 1.6, 3.2)),
        (wish(gpus=2, most=3), 2, (0.0, 4.6, 9.2)),
        (wish(types=["g6e.xlarge"]), 1, (None, None, None)),
        (wish(gpus=8), 1, (None, None, None)),
        ({"hosting": "provider"}, 0, (0.0, 0.0, 0.0)),
    ],
)
def test_costs_are_of_whole_instances_of_the_cheapest_type(spec: Any, desired: int, hourly: tuple[float | None, ...]) -> None:
    """Copies that share an instance pay it once; an unknown price stays unknown, and says why."""
    found = cost(spec, offer(), desired)
    assert (found.minimum, found.desired, found.maximum) == hourly
    assert found.basis


def test_a_month_has_730_hours() -> None:
    """As AWS counts."""
    assert (monthly(0.8), monthly(None)) == (584.0, None)


def test_the_shipped_list_is_whole() -> None:
    """A date that has been, sizes that are sizes, a price or the reason why there is none, every type once."""
    found = snapshot()
    assert date.fromisoformat(found.as_of) >= date(2026, 11, 21)
    names = [one.instance_type for one in found.types]
    assert len(names) == len(set(names)) > 50
    for one in found.types:
        assert 0 < one.usable_gib < one.memory_gib
        assert one.quota_code
        assert one.price_source
        assert one.usd_per_hour is None or 0.1 < one.usd_per_hour < 1000
    assert {"g6.xlarge", "g6e.12xlarge", "p5.48xlarge", "p5en.48xlarge"} <= set(names)


def test_the_script_renews_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What EC2 describes with the prices of the day; types of other kinds stay out; the second run finds nothing to change."""
    path = tmp_path / "instances.json"
    path.write_text(catalogue.written(KNOWN, {}))
    answers = {"ec2": region.ec2(["g6.xlarge", "g9.xlarge", "m5.large"]), "pricing": region.pricing({"g6.xlarge": "0.9"})}
    assert script.main(["--check"], answers, path) == 1
    assert json.loads(path.read_text())["as_of"] == "2026-01-01"
    assert script.main([], answers, path) == 0
    written = json.loads(path.read_text())
    assert [item["instance_type"] for item in written["types"]] == ["g6.xlarge", "g9.xlarge"]
    assert [item["usd_per_hour"] for item in written["types"]] == [0.9, None]
    assert written["fargate"]["vcpu_hour"] == 0.05
    assert "- g6.12xlarge" in capsys.readouterr().out
    catalogue.snapshot.cache_clear()
    assert script.main(["--check"], answers, path) == 0
