"""The rules of the templates: nothing found that nobody has judged, and each rule sees the mistakes that it is there for."""

import importlib
import pickle
from functools import cache

import pytest

from scripts.scanning.findings import Exemption, Finding, exemptions, judge
from tests.architecture.rules.edges import KNOWN, edges
from tests.architecture.rules.platform import RULES, TOOL, Platform, Rule, real
from tests.evidence import counted

for _module in ("delivery", "mappings", "permissions", "keeping", "running"):
    importlib.import_module(f"tests.architecture.rules.{_module}")

TOOLS = {TOOL, "cfn-lint", "checkov", "cloudsplaining", "asl-validator", "bandit", "semgrep"}
PLANTS = [(rule, plant) for rule in RULES.values() for plant in rule.plants]


@cache
def found(rule: Rule) -> frozenset[Finding]:
    """What a rule finds in the platform as it is."""
    return frozenset(rule.findings(real()))


@cache
def frozen() -> bytes:
    """The platform, to be copied: five times as fast as a deep copy."""
    return pickle.dumps(real(), pickle.HIGHEST_PROTOCOL)


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_platform_keeps_a_rule(name: str) -> None:
    """What a rule finds is mended, or judged right by a sentence in exemptions.yaml; a sentence about nothing is removed."""
    listed = [item for item in exemptions() if item.rule == name]
    verdict = judge(found(RULES[name]), {TOOL}, listed)
    assert str(verdict) == ""
    counted("template_rules_kept", 1)
    counted("template_findings_excused", verdict.excused, rule=name)


@pytest.mark.parametrize(("rule", "plant"), PLANTS, ids=lambda value: value.name if isinstance(value, Rule) else value)
def test_a_rule_sees_a_mistake(rule: Rule, plant: str) -> None:
    """The mistake is made in a copy of the platform, and the rule names the place."""
    platform: Platform = pickle.loads(frozen())
    place = rule.plants[plant](platform)
    new = rule.findings(platform) - found(rule)
    assert [finding for finding in new if finding.resource == place or finding.resource.startswith(f"{place}:")]
    assert judge(new, {TOOL}).open, "the exemptions would excuse it"
    counted("template_mistakes_planted_and_found", 1, rule=rule.name)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_can_fail(name: str) -> None:
    """A rule without a mistake that it sees proves nothing."""
    assert RULES[name].plants
    assert RULES[name].sentence.endswith(".")


def test_every_asynchronous_edge_is_covered() -> None:
    """All of them, counted: each bounded, each with dead letters, each with an alarm (the three rules of `delivery`)."""
    found = edges(real())
    broken = {
        finding.resource
        for name in ("every-edge-is-tried-a-finite-number-of-times", "every-edge-ends-in-dead-letters", "every-edge-has-an-alarm")
        for finding in RULES[name].findings(real())
    }
    assert broken == set()
    assert {edge.kind for edge in found} == {
        "rule", "stream", "queue", "waiting", "schedule", "invocation", "machine", "schedule made by code",
    }  # fmt: skip
    for kind in sorted({edge.kind for edge in found}):
        counted("asynchronous_edges_covered", sum(edge.kind == kind for edge in found), kind=kind)


def test_every_resource_that_works_by_itself_is_an_edge() -> None:
    """Nothing of a kind that goes on by itself is left out of the enumeration."""
    named = {edge.name.split(":")[0] for edge in edges(real())}
    left_out = [name for name, resource in real().whole(*KNOWN - {"AWS::Lambda::EventInvokeConfig"}) if name not in named]
    assert left_out == []
    configured = {str(item["FunctionName"]["Ref"]) for _, item in real().resources("AWS::Lambda::EventInvokeConfig")}
    assert configured == {edge.name for edge in edges(real()) if edge.kind == "invocation"}


@pytest.mark.parametrize("item", exemptions(), ids=lambda item: f"{item.tool}-{item.rule}-{item.resource}")
def test_an_exemption_says_why(item: Exemption) -> None:
    """A sentence; and a resource narrower than everything."""
    assert item.faults == []
    assert item.tool in TOOLS
    assert item.tool != TOOL or item.rule in RULES


def test_no_two_exemptions_say_the_same() -> None:
    """Otherwise one of them could stay when its reason has gone."""
    listed = [(item.tool, item.rule, item.resource) for item in exemptions()]
    assert len(listed) == len(set(listed))
    counted("exemptions_with_a_sentence", len(listed))


def test_what_is_judged_is_neither_too_much_nor_too_little() -> None:
    """An exemption covers its own rule at its own place, and is told when nothing is found there any more."""
    here = Exemption("checkov", "CKV_1", "AWS::X.*", "Because of this.")
    found = [
        Finding("checkov", "CKV_1", "AWS::X.One"),
        Finding("checkov", "CKV_1", "AWS::Y.Two"),
        Finding("checkov", "CKV_2", "AWS::X.One"),
    ]
    verdict = judge(found, {"checkov"}, [here])
    assert (list(verdict.open), verdict.excused, verdict.stale) == (found[1:], 1, ())
    assert judge([], {"checkov"}, [here]).stale == (here,)
    assert judge([], {"bandit"}, [here]).stale == ()
    assert len(Exemption("checkov", "CKV_1", "*", "because").faults) == 2
