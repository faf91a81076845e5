"""Every edge ends with its own context and hears what it is there for. That it ends at all: tests/architecture/rules/delivery.py."""

from typing import Any

import pytest

from serving.domain.services import INTERRUPTION, REBALANCE, ServiceEvent
from tests.architecture.reading import CHILDREN, Function, as_list, child, function, functions, of_type, pascal, references, template

MAPPINGS = of_type("AWS::Lambda::EventSourceMapping")
QUEUES = of_type("AWS::SQS::Queue")
DEAD_LETTERS = sorted(name for name in QUEUES if name.endswith("DeadLetters"))
RULES = of_type("AWS::Events::Rule")
EVENT_FUNCTIONS = [item for item in functions() if item.kind == "event"]
ASYNCHRONOUS = [item for item in functions() if item.kind in {"event", "schedule", "alarm"}]


def _dead_letters(item: Function) -> dict[str, Any]:
    return {"Fn::GetAtt": [f"{pascal(item.context)}DeadLetters", "Arn"]}


@pytest.mark.parametrize("item", EVENT_FUNCTIONS, ids=lambda item: item.logical_id)
def test_a_rule_with_a_function_gives_up_into_dead_letters(item: Function) -> None:
    """What the bus gives up goes to the context's own dead letters; our events come from our bus, AWS's from the default one."""
    for event in item.events.values():
        assert event["Properties"]["DeadLetterConfig"]["Arn"] == _dead_letters(item)
        ours = not any(source.startswith("aws.") for source in event["Properties"]["Pattern"].get("source", ()) if isinstance(source, str))
        assert event["Properties"].get("EventBusName") == ({"Ref": "Bus"} if ours else None)


@pytest.mark.parametrize("item", ASYNCHRONOUS, ids=lambda item: item.logical_id)
def test_an_asynchronous_invocation_gives_up_into_dead_letters(item: Function) -> None:
    """What Lambda's own queue gives up goes to the context's own dead letters too."""
    assert item.properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == _dead_letters(item)


@pytest.mark.parametrize("item", [item for item in functions() if item.kind == "schedule"], ids=lambda item: item.logical_id)
def test_a_schedule_gives_up_into_dead_letters_and_has_no_name_to_collide(item: Function) -> None:
    """Each sweep runs under a role of its own context, in the stack's schedule group."""
    for event in item.events.values():
        properties = event["Properties"]
        assert properties["DeadLetterConfig"]["Arn"] == _dead_letters(item)
        assert properties["OmitName"] is True
        assert properties["RoleArn"] == {"Fn::GetAtt": [f"{pascal(item.context)}SweepRole", "Arn"]}


@pytest.mark.parametrize("name", sorted(name for name, item in MAPPINGS.items() if "StartingPosition" in item))
def test_a_stream_wakes_its_function_for_the_ledger_alone(name: str) -> None:
    """Other rows are nobody's news; what cannot be announced goes to the context's own dead letters."""
    mapping = MAPPINGS[name]
    item = function(mapping["FunctionName"]["Ref"])
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == _dead_letters(item)
    assert [pattern["Pattern"] for pattern in mapping["FilterCriteria"]["Filters"]] == [
        '{"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "LEDGER#"}]}}}}'
    ]


@pytest.mark.parametrize("name", sorted(name for name, item in MAPPINGS.items() if "StartingPosition" not in item))
def test_a_queue_redrives_after_five_into_its_contexts_dead_letters(name: str) -> None:
    """A context's owner repairs what the context gave up."""
    mapping = MAPPINGS[name]
    item = function(mapping["FunctionName"]["Ref"])
    queue = QUEUES[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": _dead_letters(item), "maxReceiveCount": 5}


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_dead_letters_are_kept_longest_and_have_an_alarm(name: str) -> None:
    """Two weeks to read them, and somebody is told at the first."""
    assert QUEUES[name]["MessageRetentionPeriod"] == 1_209_600
    given = template()["Resources"]["Observability"]["Properties"]["Parameters"][name]
    assert given == {"Fn::GetAtt": [name, "QueueName"]}
    watched = [
        alarm
        for alarm in of_type("AWS::CloudWatch::Alarm", child(CHILDREN["Observability"])).values()
        if {"Name": "QueueName", "Value": {"Ref": name}} in alarm.get("Dimensions", [])
    ]
    assert ("ApproximateNumberOfMessagesVisible", 0) in [(alarm["MetricName"], alarm["Threshold"]) for alarm in watched]


@pytest.mark.parametrize("name", sorted(QUEUES))
def test_only_rules_of_this_account_write_to_a_queue(name: str) -> None:
    """A queue policy never lets the whole of EventBridge in."""
    for policy in of_type("AWS::SQS::QueuePolicy").values():
        if {"Ref": name} in policy["Queues"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Principal"] == {"Service": "events.amazonaws.com"}
                assert any("aws:SourceArn" in condition for condition in statement["Condition"].values())


def test_queues_that_rules_write_to_let_them() -> None:
    """SAM writes no policy for a queue of one's own: each target and each dead-letter queue of a rule needs ours."""
    targets = {target["Arn"]["Fn::GetAtt"][0] for rule in RULES.values() for target in rule["Targets"]}
    targets |= {target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for rule in RULES.values() for target in rule["Targets"]}
    targets |= {
        event["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for item in EVENT_FUNCTIONS for event in item.events.values()
    }
    allowed = {queue["Ref"] for policy in of_type("AWS::SQS::QueuePolicy").values() for queue in policy["Queues"]}
    assert targets <= allowed


def test_the_service_rule_follows_our_cluster_and_our_services_only() -> None:
    """AWS's events arrive on the default bus; those of other clusters, and of the router, never wake us."""
    pattern = RULES["ServingOnEngineTaskChangedRule"]["EventPattern"]
    assert "EventBusName" not in RULES["ServingOnEngineTaskChangedRule"]
    assert pattern["detail"]["clusterArn"] == [{"Fn::GetAtt": ["DataPlane", "Outputs.ClusterArn"]}]
    assert pattern["detail"]["group"] == [{"prefix": {"Fn::Sub": "service:slipway-${Environment}-"}}]
    router = of_type("AWS::ECS::Service", child(CHILDREN["DataPlane"]))["RouterService"]["ServiceName"]
    assert not as_list(router["Fn::Sub"])[0].startswith("slipway-")


def test_rules_on_services_follow_our_services_only() -> None:
    """ECS names the service in `resources` alone; of whole accounts' instances only what EC2 takes back is heard."""
    (service,) = function("ServingOnEngineServiceChangedFunction").events.values()
    pattern = service["Properties"]["Pattern"]
    (prefix,) = pattern["resources"]
    assert prefix["prefix"]["Fn::Sub"].endswith(":service/${DataPlane.Outputs.ClusterName}/slipway-${Environment}-")
    assert set(pattern["detail"]["eventName"]) == {event.value for event in ServiceEvent}
    (host,) = function("ServingOnEngineHostInterruptedFunction").events.values()
    assert host["Properties"]["Pattern"] == {"source": ["aws.ec2"], "detail-type": [INTERRUPTION, REBALANCE]}


def test_serving_hears_of_every_state_of_a_route() -> None:
    """Also of one that is probed again: the condition RouteOpen would stay true while nothing answers."""
    (rule,) = function("ServingOnRouteChangedFunction").events.values()
    assert rule["Properties"]["Pattern"] == {"source": ["slipway.routing"], "detail-type": ["RouteChanged"]}


def test_every_sweep_and_every_machine_has_an_alarm() -> None:
    """What nobody repairs, and what ends without settling, is told."""
    alarms = of_type("AWS::CloudWatch::Alarm", child(CHILDREN["Observability"])).values()
    watched = {reference for alarm in alarms for reference in references(alarm.get("Dimensions", []))}
    sweeps = {item.logical_id for item in functions() if item.kind == "schedule"}
    assert sweeps | set(of_type("AWS::Serverless::StateMachine")) <= watched
