"""Writes events/README.md: every event, its meaning, and who says and who hears it according to template.yaml's rules."""

from collections.abc import Iterator
from typing import Any

from contracts.catalogue import EVENTS
from contracts.common import EventContract
from scripts.event_files import context_of, folder_of, major
from scripts.template import load, target_of

_PUT_BY_ROUTERS = frozenset({"RouteHealthObserved", "LoadObserved", "ModelWakeRequested"})
"""Events that a router puts on the bus itself."""
_ANNOUNCED_APART = {"BudgetThresholdCrossed": "AccessAnnounceSpendChangesFunction", "UsageRecorded": "UsageOnUsageReportedFunction"}
"""Events from elsewhere than the ledger of their context's first table."""
_DOWNSTREAM = "*public*"
AUDIT = "UsageOnFactAnnouncedFunction"
"""The function that keeps every fact for those who audit."""


def consumers(template: dict[str, Any] | None = None) -> dict[str, list[str]]:
    """Detail type → logical ids of the functions that a rule of the template brings it to, directly or through a queue."""
    resources = (load() if template is None else template)["Resources"]
    behind = _functions_behind_queues(resources)
    found: dict[str, list[str]] = {}
    for pattern, target in rules(resources):
        if target == AUDIT:
            continue  # it keeps every fact, which says nothing about what one is for
        for name in pattern.get("detail-type", []):
            found.setdefault(name, []).extend(behind.get(target, [target]))
    return {name: sorted(set(functions)) for name, functions in found.items()}


def rules(resources: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every (pattern, logical id of a target) of the template: SAM function events and plain rules."""
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        for source in _events(resource):
            if source["Type"] in {"EventBridgeRule", "CloudWatchEvent"}:
                yield source["Properties"]["Pattern"], logical_id
        if resource["Type"] == "AWS::Events::Rule":
            for target in properties.get("Targets", []):
                name = target_of(target["Arn"])
                if name:
                    yield properties.get("EventPattern", {}), name


def announcers(template: dict[str, Any] | None = None) -> dict[str, str]:
    """Context → logical id of the function that announces its ledger."""
    resources = (load() if template is None else template)["Resources"]
    tables = {name for name, resource in resources.items() if resource["Type"] == "AWS::DynamoDB::Table"}
    return {_words(function)[0]: function for source, function in _mappings(resources) if source in tables}


def _functions_behind_queues(resources: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, function in _mappings(resources):
        found.setdefault(source, []).append(function)
    return found


def _mappings(resources: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every (logical id of a queue or table, logical id of the function that it feeds)."""
    for resource in resources.values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            source, function = target_of(resource["Properties"]["EventSourceArn"]), target_of(resource["Properties"]["FunctionName"])
            if source and function:
                yield source, function


def _events(resource: dict[str, Any]) -> list[dict[str, Any]]:
    return list(resource.get("Properties", {}).get("Events", {}).values()) if resource["Type"] == "AWS::Serverless::Function" else []


def readme() -> str:
    """The whole page."""
    heard, said = consumers(), announcers()
    rows = [_row(event, heard.get(name, []), said) for name, event in EVENTS.items()]
    return "\n".join([*_HEAD, *rows, "", *_MIDDLE, *_graph(heard), "```", ""])


def _row(event: type[EventContract], heard_by: list[str], said: dict[str, str]) -> str:
    name, folder = event.event_type(), folder_of(event)
    producer = "routers" if name in _PUT_BY_ROUTERS else _place(_ANNOUNCED_APART.get(name) or said[context_of(event)])
    consumer = "<br>".join(map(_place, heard_by)) or _DOWNSTREAM
    meaning = " ".join((event.__doc__ or "").split())
    links = f"[schema]({folder}/{major(event)}.schema.json) · [example]({folder}/{major(event)}.example.json)"
    return f"| **{name}** | {event.contract_version} | {meaning} | {producer} | {consumer} | {links} |"


def _place(logical_id: str) -> str:
    """`ServingCreateModelFunction` → a link to functions/serving/create_model."""
    context, *words = _words(logical_id.removesuffix("Function"))
    name = "_".join(words)
    return f"[`{context}/{name}`](../functions/{context}/{name}/handler.py)"


def _words(logical_id: str) -> list[str]:
    text = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in logical_id)
    return text.split()


def _graph(heard: dict[str, list[str]]) -> list[str]:
    edges: dict[tuple[str, str], list[str]] = {}
    for name, event in EVENTS.items():
        producer = "routers" if name in _PUT_BY_ROUTERS else context_of(event)
        for consumer in {_words(function)[0] for function in heard.get(name, [])} or {"downstream"}:
            edges.setdefault((producer, consumer), []).append(name)
    return [f'  {producer} -->|"{"<br>".join(names)}"| {consumer}' for (producer, consumer), names in sorted(edges.items())]


_HEAD = (
    "# The events",
    "",
    "Made by `make contracts` from `layers/contracts` and the rules of `template.yaml`: edit those, not this page.",
    "",
    "Every event lies on the environment's bus as `detail = {metadata, data}`; `source` is `slipway.<context>`,",
    "`detail-type` the event's name. Deduplicate on `detail.metadata.id`: the bus delivers at least once, and in no order.",
    "Within a major version fields are only ever added; what is in `published/` has been promised and is replayed by the tests",
    "for ever. *public*: nobody here listens, others may.",
    "",
    "| event | version | meaning | said by | heard by | files |",
    "|---|---|---|---|---|---|",
)
_MIDDLE = (
    "An example calls a function: `sam local invoke RoutingOnModelRequestedFunction -e events/serving/ModelRequested/v1.example.json`.",
    "",
    "## Who talks to whom",
    "",
    "```mermaid",
    "flowchart LR",
)
