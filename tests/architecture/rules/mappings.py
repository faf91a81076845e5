"""Rules of what reads queues and streams, and of how much may happen at a time."""

from scripts.template import target_of
from tests.architecture.rules.platform import JSON, Found, Platform, breaks, first, rule

MAPPING = "AWS::Lambda::EventSourceMapping"
PARTIAL = "ReportBatchItemFailures"
TIMES = 6  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html


def _streams(platform: Platform) -> list[tuple[str, JSON]]:
    return [(name, item) for name, item in platform.resources(MAPPING) if "StartingPosition" in item]


def _queues(platform: Platform) -> list[tuple[str, JSON]]:
    return [(name, item) for name, item in platform.resources(MAPPING) if "StartingPosition" not in item]


@rule
def a_message_stays_invisible_six_times_its_functions_timeout(platform: Platform) -> Found:
    """Otherwise a slow function gets the same message a second time while it works, and is throttled into the dead letters."""
    for name, mapping in _queues(platform):
        timeout = platform.properties(target_of(mapping["FunctionName"])).get("Timeout", 3)
        visible = platform.properties(target_of(mapping["EventSourceArn"])).get("VisibilityTimeout", 30)
        if visible < TIMES * timeout + mapping.get("MaximumBatchingWindowInSeconds", 0):
            yield name, f"{visible} seconds for a function that may take {timeout}"


@breaks(a_message_stays_invisible_six_times_its_functions_timeout)
def a_function_that_became_slower(platform: Platform) -> str:
    """Somebody raised the timeout and forgot the queue."""
    name, mapping = _queues(platform)[0]
    platform.properties(target_of(mapping["FunctionName"]))["Timeout"] = 900
    return name


@rule
def a_poisoned_message_fails_alone(platform: Platform) -> Found:
    """The function names what failed, and a stream's batch is halved where it cannot."""
    for name, mapping in platform.resources(MAPPING):
        if mapping.get("FunctionResponseTypes") != [PARTIAL]:
            yield name, "one bad message fails the whole batch"
        if "StartingPosition" in mapping and mapping.get("BisectBatchOnFunctionError") is not True:
            yield name, "a batch whose function dies is never halved"


@breaks(a_poisoned_message_fails_alone)
def a_queue_that_fails_whole(platform: Platform) -> str:
    """Lambda's default."""
    name, mapping = _queues(platform)[0]
    del mapping["FunctionResponseTypes"]
    return name


@breaks(a_poisoned_message_fails_alone)
def a_stream_that_is_not_bisected(platform: Platform) -> str:
    """Lambda's default."""
    name, mapping = _streams(platform)[0]
    mapping["BisectBatchOnFunctionError"] = False
    return name


@rule
def a_stream_is_followed_from_its_beginning(platform: Platform) -> Found:
    """A mapping that is made anew must not pass over what came meanwhile."""
    for name, mapping in _streams(platform):
        if mapping["StartingPosition"] != "TRIM_HORIZON":
            yield name, f"begins at {mapping['StartingPosition']}"


@breaks(a_stream_is_followed_from_its_beginning)
def a_stream_from_now_on(platform: Platform) -> str:
    """What is written during a deployment is never announced."""
    name, mapping = _streams(platform)[0]
    mapping["StartingPosition"] = "LATEST"
    return name


@rule
def what_comes_in_is_bounded(platform: Platform) -> Found:
    """A queue has a most of functions at a time, the API a rate, a group of instances a size, a stream one reader a shard."""
    for name, mapping in _queues(platform):
        if not 2 <= mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0) <= 50:
            yield name, "may take all of the account's concurrency"
    for name, mapping in _streams(platform):
        if mapping.get("ParallelizationFactor", 1) != 1:
            yield name, "several functions at a time break the order of a table's facts"
    for name, stage in platform.resources("AWS::ApiGatewayV2::Stage"):
        settings = stage.get("DefaultRouteSettings", {})
        if not (0 < settings.get("ThrottlingRateLimit", 0) <= 1000 and 0 < settings.get("ThrottlingBurstLimit", 0) <= 2000):
            yield name, "the API takes whatever comes"
    for name, group in platform.resources("AWS::AutoScaling::AutoScalingGroup"):
        if "MaxSize" not in group:
            yield name, "a group without most"


@breaks(what_comes_in_is_bounded)
def a_queue_that_starts_a_thousand_functions(platform: Platform) -> str:
    """And leaves none for the API."""
    name, mapping = _queues(platform)[0]
    mapping.pop("ScalingConfig", None)
    return name


@breaks(what_comes_in_is_bounded)
def an_api_without_throttle(platform: Platform) -> str:
    """The account's limit would be the only one."""
    name, stage = first(platform, "AWS::ApiGatewayV2::Stage")
    del stage["DefaultRouteSettings"]
    return name


@breaks(what_comes_in_is_bounded)
def a_stream_read_in_parallel(platform: Platform) -> str:
    """Ten at a time."""
    name, mapping = _streams(platform)[0]
    mapping["ParallelizationFactor"] = 10
    return name


@rule
def a_function_ends(platform: Platform) -> Found:
    """It has a timeout of its own, no longer than its caller can wait: half a minute behind the API, 29 seconds being API Gateway's."""
    behind = {name for name, item in platform.resources("AWS::Lambda::Permission") if item.get("Principal") == "apigateway.amazonaws.com"}
    answering = {target_of(platform.properties(name).get("FunctionName")) for name in behind}
    for name, function in platform.resources("AWS::Lambda::Function"):
        timeout = function.get("Timeout", 0)
        if not 0 < timeout <= (29 if name in answering else 900):
            yield name, f"may take {timeout} seconds"


@breaks(a_function_ends)
def a_function_that_outlives_its_caller(platform: Platform) -> str:
    """API Gateway has answered 503 long since, and the work goes on."""
    name = next(
        str(target_of(item["FunctionName"]))
        for _, item in platform.resources("AWS::Lambda::Permission")
        if item["Principal"] == "apigateway.amazonaws.com"
    )
    platform.properties(name)["Timeout"] = 60
    return name
