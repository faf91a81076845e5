"""Rules of delivery: nothing is tried for ever, nothing is lost in silence, and nobody works without a limit."""

from scripts.template import target_of
from tests.architecture.rules.edges import LONGEST_SECONDS, MOST_TRIES, UNKNOWN, edges
from tests.architecture.rules.platform import Found, Platform, breaks, first, rule

TWO_WEEKS = 1_209_600
QUEUE, MAPPING, RULE, ALARM = "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule", "AWS::CloudWatch::Alarm"


def _queue_mapping(platform: Platform) -> str:
    return next(name for name, item in platform.resources(MAPPING) if "StartingPosition" not in item)


def _queue_of(platform: Platform, mapping: str) -> str:
    return str(target_of(platform.properties(mapping)["EventSourceArn"]))


@rule
def every_edge_is_tried_a_finite_number_of_times(platform: Platform) -> Found:
    """At most eight tries and an hour: what comes later than that, a sweep has found."""
    for edge in edges(platform):
        if edge.tries is None or edge.tries > MOST_TRIES:
            yield edge.name, f"{edge.kind} is tried {edge.tries if edge.tries is not None else 'for ever'}"
        if edge.seconds is None or edge.seconds > LONGEST_SECONDS:
            yield edge.name, f"{edge.kind} is tried {edge.seconds if edge.seconds is not None else 'without limit of'} seconds"


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_rule_without_retry_policy(platform: Platform) -> str:
    """EventBridge's own default: a day, 185 times."""
    name, properties = first(platform, RULE)
    del properties["Targets"][0]["RetryPolicy"]
    return name


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_stream_that_is_followed_for_ever(platform: Platform) -> str:
    """Lambda's own default: until the record expires."""
    name, properties = first(platform, MAPPING, "StartingPosition")
    properties["MaximumRetryAttempts"] = -1
    return name


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_stream_whose_records_never_grow_old(platform: Platform) -> str:
    """The age of records is Lambda's second bound."""
    name, properties = first(platform, MAPPING, "StartingPosition")
    properties.pop("MaximumRecordAgeInSeconds", None)
    return name


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_queue_that_redrives_after_a_thousand(platform: Platform) -> str:
    """The most that SQS allows."""
    mapping = _queue_mapping(platform)
    platform.properties(_queue_of(platform, mapping))["RedrivePolicy"]["maxReceiveCount"] = 1000
    return mapping


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_schedule_that_is_repeated_for_a_day(platform: Platform) -> str:
    """The scheduler's own default."""
    name, properties = first(platform, "AWS::Scheduler::Schedule")
    properties["Target"]["RetryPolicy"] = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
    return name


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_function_whose_own_queue_is_unbounded(platform: Platform) -> str:
    """Lambda's default: six hours."""
    config, properties = first(platform, "AWS::Lambda::EventInvokeConfig")
    function = str(target_of(properties["FunctionName"]))
    del platform.root[config]
    return function


@breaks(every_edge_is_tried_a_finite_number_of_times)
def a_machine_that_tries_a_hundred_times(platform: Platform) -> str:
    """A task's retry is an edge too."""
    name, definition = next(iter(platform.machines.items()))
    next(state for state in definition["States"].values() if state.get("Retry"))["Retry"][0]["MaxAttempts"] = 100
    return name


@rule
def every_edge_ends_in_dead_letters(platform: Platform) -> Found:
    """What is given up lies in a queue of the stack, or, for a machine, is settled by a state that catches everything."""
    for edge in edges(platform):
        if edge.kind == "machine":
            if edge.dead_letters not in platform.machines[edge.name]["States"]:
                yield edge.name, "no state settles what fails"
        elif platform.kind(edge.dead_letters) != QUEUE:
            yield edge.name, f"{edge.kind} leaves what it gives up nowhere"


@breaks(every_edge_ends_in_dead_letters)
def a_rule_without_dead_letters(platform: Platform) -> str:
    """The bus drops it."""
    name, properties = first(platform, RULE)
    del properties["Targets"][0]["DeadLetterConfig"]
    return name


@breaks(every_edge_ends_in_dead_letters)
def a_queue_without_redrive(platform: Platform) -> str:
    """SQS forgets it after its retention."""
    mapping = _queue_mapping(platform)
    del platform.properties(_queue_of(platform, mapping))["RedrivePolicy"]
    return mapping


@breaks(every_edge_ends_in_dead_letters)
def a_stream_without_destination(platform: Platform) -> str:
    """Lambda passes over it."""
    name, properties = first(platform, MAPPING, "StartingPosition")
    del properties["DestinationConfig"]
    return name


@breaks(every_edge_ends_in_dead_letters)
def a_schedule_without_dead_letters(platform: Platform) -> str:
    """The scheduler drops it."""
    name, properties = first(platform, "AWS::Scheduler::Schedule")
    del properties["Target"]["DeadLetterConfig"]
    return name


@breaks(every_edge_ends_in_dead_letters)
def schedules_made_by_code_without_dead_letters(platform: Platform) -> str:
    """The variable is gone, and the adapter has nowhere to send them."""
    name = next(edge.name for edge in edges(platform) if edge.kind == "schedule made by code")
    del platform.properties(name)["Environment"]["Variables"]["DEAD_LETTERS_ARN"]
    return name


@breaks(every_edge_ends_in_dead_letters)
def a_machine_that_catches_nothing(platform: Platform) -> str:
    """The operation would stay where it is."""
    name, definition = next(iter(platform.machines.items()))
    for state in definition["States"].values():
        state.pop("Catch", None)
    return name


@rule
def every_edge_has_an_alarm(platform: Platform) -> Found:
    """Somebody is told at the first message given up, of messages that wait, of machines that fail."""
    for edge in edges(platform):
        if not any(alarm["MetricName"] == edge.metric for alarm in platform.alarms(edge.watched or "")):
            yield edge.name, f"no alarm on {edge.metric} of {edge.watched}"


def _without_alarm(platform: Platform, metric: str) -> None:
    for stack in platform.stacks.values():
        for name in [name for name, item in stack["Resources"].items() if item.get("Properties", {}).get("MetricName") == metric]:
            del stack["Resources"][name]


@breaks(every_edge_has_an_alarm)
def dead_letters_that_nobody_is_told_of(platform: Platform) -> str:
    """The alarms on queues are gone."""
    _without_alarm(platform, "ApproximateNumberOfMessagesVisible")
    return first(platform, RULE)[0]


@breaks(every_edge_has_an_alarm)
def work_that_waits_unseen(platform: Platform) -> str:
    """The alarms on age are gone."""
    _without_alarm(platform, "ApproximateAgeOfOldestMessage")
    return _queue_mapping(platform)


@breaks(every_edge_has_an_alarm)
def machines_that_fail_unseen(platform: Platform) -> str:
    """The alarms on executions are gone."""
    _without_alarm(platform, "ExecutionsFailed")
    return next(iter(platform.machines))


@breaks(every_edge_has_an_alarm)
def an_alarm_that_reaches_nobody(platform: Platform) -> str:
    """It is there, and acts on nothing."""
    for _, alarm in platform.resources(ALARM):
        alarm.pop("AlarmActions", None)
    return first(platform, "AWS::Scheduler::Schedule")[0]


@breaks(every_edge_has_an_alarm)
def an_alarm_that_only_some_environments_have(platform: Platform) -> str:
    """A condition, to save a few cents."""
    for _, resource in platform.whole(ALARM):
        resource["Condition"] = "HasTopic"
    return next(iter(platform.machines))


@rule
def no_asynchronous_kind_is_unknown(platform: Platform) -> Found:
    """What goes on by itself by a way that `edges` does not enumerate is not counted as covered."""
    for name, _ in platform.whole(*UNKNOWN):
        yield name, "is a kind of edge that tests/architecture/rules/edges.py does not know"
    for name, bucket in platform.resources("AWS::S3::Bucket"):
        if "NotificationConfiguration" in bucket:
            yield name, "announces objects, which tests/architecture/rules/edges.py does not know"


@breaks(no_asynchronous_kind_is_unknown)
def a_pipe(platform: Platform) -> str:
    """An edge with a retry policy of its own."""
    platform.root["Pipe"] = {"Type": "AWS::Pipes::Pipe", "Properties": {}}
    return "Pipe"


@breaks(no_asynchronous_kind_is_unknown)
def a_bucket_that_calls_a_function(platform: Platform) -> str:
    """Asynchronously, with no dead letters of its own."""
    name, bucket = first(platform, "AWS::S3::Bucket")
    bucket["NotificationConfiguration"] = {"LambdaConfigurations": []}
    return name


@rule
def dead_letters_are_kept_longest(platform: Platform) -> Found:
    """Two weeks, and longer than any queue that sends there: the clock of a message goes on from its first sending."""
    targets = {edge.dead_letters for edge in edges(platform) if edge.kind != "machine"}
    for name, queue in platform.resources(QUEUE):
        kept = queue.get("MessageRetentionPeriod", 345600)
        if name in targets and kept != TWO_WEEKS:
            yield name, f"keeps dead letters for {kept} seconds"
        if name not in targets and kept >= TWO_WEEKS:
            yield name, "keeps work as long as dead letters are kept, which would arrive there expired"


@breaks(dead_letters_are_kept_longest)
def dead_letters_for_an_hour(platform: Platform) -> str:
    """Nobody would see them."""
    name = next(str(edge.dead_letters) for edge in edges(platform) if edge.kind == "rule")
    platform.properties(name)["MessageRetentionPeriod"] = 3600
    return name
