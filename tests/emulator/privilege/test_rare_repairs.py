"""What the sweep finds and sets right: executions that never began or never ended, services and alarms of nobody, copies beyond hope."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from tests.e2e.hastened import ago, invoke, rewritten, swept, unswept
from tests.e2e.platform import TERMINAL, Platform, eventually
from tests.emulator.faults.injection import Injection
from tests.emulator.faults.patient import Patient
from tests.emulator.privilege.conftest import Bring
from tests.emulator.privilege.rare import document, held, letter_about, observed

NEVER_BEGUN = [{"action": "states:StartExecution", "caller": "*ServingOnModel*", "code": "ThrottlingException"}]
RESTART = {"container": {"shared_memory_mib": 128}}
HOPELESS = {"code": "engine-unresponsive", "message": "It does not answer.", "hint": "Look at its log."}


def wishes(platform: Platform, model_id: str) -> list[tuple[str, str, Any]]:
    """One command for each machine, in the order in which a model can be told them."""
    path = f"/models/{model_id}"
    return [
        ("POST", "/models", platform.parrot(model_id)),
        ("PATCH", path, RESTART),
        ("POST", f"{path}/stop", None),
        ("DELETE", path, None),
    ]


def refused(platform: Platform, client: Patient, method: str, path: str, body: Any) -> str:
    """The operation of a command whose execution Step Functions did not take: a queue has put its event off, or Lambda given it up."""
    with Injection(platform, NEVER_BEGUN, "never-begun"):
        operation = client.command(method, path, body)
        if (method, path) == ("POST", "/models") or method == "DELETE":
            eventually(lambda: "a message failed" in platform.logged("serving", operation), "the event is put off, for minutes")
        else:
            assert letter_about(platform, operation)["requestContext"]["condition"] == "RetriesExhausted"
    return operation


def test_an_execution_that_never_began_is_begun_by_the_sweep(platform: Platform, serving: Bring) -> None:
    """Of each machine: the command was accepted, Step Functions did not take it, and a minute later it is carried out all the same."""
    client = serving()
    with unswept(platform):
        for method, path, body in wishes(platform, "rare-late"):
            operation = refused(platform, client, method, path, body)
            rewritten(platform, operation, updated_at=ago(minutes=3))
            swept(platform, partial(_ended, client, operation), f"{method} {path} ends")
            client.ended(operation, "Succeeded")
    platform.assert_nothing_left("rare-late")


def test_an_operation_past_its_deadline_is_ended_by_the_sweep(platform: Platform, serving: Bring) -> None:
    """Of each machine: it says that it has failed, and the next command is taken."""
    client = serving()
    with unswept(platform):
        for method, path, body in wishes(platform, "rare-slow"):
            operation = refused(platform, client, method, path, body)
            rewritten(platform, operation, deadline=ago(minutes=1))
            swept(platform, partial(_ended, client, operation), f"{method} {path} ends")
            client.ended(operation, "Failed")
            if method == "POST" and path == "/models":
                client.done("POST", "/models/rare-slow/retry")
    client.done("DELETE", "/models/rare-slow")
    platform.assert_nothing_left("rare-slow")


def _ended(client: Patient, operation_id: str) -> bool:
    return client.call("GET", f"/operations/{operation_id}").json["status"] in TERMINAL


def test_a_service_of_a_model_that_is_gone_is_removed(platform: Platform, serving: Bring) -> None:
    """Whoever died after the last look may have left one behind, with its definition."""
    client = serving("rare-orphan")
    (service,) = platform.services_of("rare-orphan")
    name, ecs = service.rsplit("/", 1)[-1], platform.aws("ecs")
    client.done("DELETE", "/models/rare-orphan")
    container = {"name": "engine", "image": "slipway/engine-mock:local", "memory": 64}
    definition = ecs.register_task_definition(family=name, containerDefinitions=[container])["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster=platform.values["CLUSTER_NAME"], serviceName=name, taskDefinition=definition, desiredCount=0)
    swept(platform, lambda: not platform.services_of("rare-orphan"), "the service is removed")
    assert ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["status"] == "INACTIVE"


def test_a_copy_beyond_hope_is_replaced_by_whoever_hears_of_it(platform: Platform, serving: Bring) -> None:
    """A router has found that it will never answer, and ECS keeps it: it is ended, and another takes its place."""
    serving("rare-hopeless")
    (task,) = platform.tasks_of("rare-hopeless")
    observed(platform, "rare-hopeless", task.rsplit("/", 1)[-1], HOPELESS)
    replaced(platform, "rare-hopeless", task)


def test_a_copy_beyond_hope_is_replaced_by_the_sweep(platform: Platform, serving: Bring) -> None:
    """Who hears of it cannot end it, tries three times and gives the word up; what it wrote down is enough for the sweep."""
    serving("rare-unheeded")
    (task,) = platform.tasks_of("rare-unheeded")
    task_id = task.rsplit("/", 1)[-1]
    fault = {"action": "ecs:StopTask", "caller": "*OnRouteHealthObserved*", "code": "ThrottlingException"}
    with unswept(platform), Injection(platform, [fault], "hopeless"):
        observed(platform, "rare-unheeded", task_id, HOPELESS)
        letter = letter_about(platform, task_id)
        assert (letter["requestContext"]["condition"], letter["requestPayload"]["detail-type"]) == (
            "RetriesExhausted",
            "RouteHealthObserved",
        )
        assert task in platform.tasks_of("rare-unheeded")
        swept(platform, lambda: task not in platform.tasks_of("rare-unheeded"), "the sweep has ended it")
    replaced(platform, "rare-unheeded", task)


def replaced(platform: Platform, model_id: str, task: str) -> None:
    """The task ends, and another answers."""
    eventually(lambda: task not in platform.tasks_of(model_id), "it is ended")
    eventually(lambda: platform.tasks_of(model_id), "another has taken its place")
    platform.answers(model_id)


def test_a_copy_that_ended_unheard_is_missed_by_the_sweep(platform: Platform, serving: Bring) -> None:
    """Who should have heard of it crashes; the sweep counts, and asks ECS."""
    serving("rare-unheard")
    (task,) = platform.tasks_of("rare-unheard")
    task_id = task.rsplit("/", 1)[-1]

    def forgotten() -> bool:
        return task_id not in {one["task_id"] for one in document(platform, "MODEL#rare-unheard", "MODEL")["tasks"]}

    no_place = {"action": "ecs:placement", "caller": "*rare-unheard*", "code": "RESOURCE:MEMORY"}
    with Injection(platform, [no_place, *held("OnEngineTaskChanged", seconds=0)], "unheard"):
        platform.aws("ecs").stop_task(cluster=platform.values["CLUSTER_NAME"], task=task)
        swept(platform, forgotten, "the sweep has seen that it is gone")
    eventually(lambda: platform.ask("rare-unheard").status == 200, "another answers", 60)


def test_alarms_are_set_moved_and_removed_by_whoever_finds_them_wrong(platform: Platform, serving: Bring) -> None:
    """What is written down of an alarm is lost, the alarm is not: it is moved to where it belongs; one of nobody is removed."""
    client = serving("rare-clock")
    day = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "00:00", "closes": "23:00"}
    client.done("PUT", "/models/rare-clock/schedule", {"time_zone": "UTC", "windows": [day]})
    row, rows = _Row(platform, "rare-clock"), platform.aws("scheduler")
    group, alarm = platform.physical("ServingAlarms"), {"model_id": "rare-clock", "generation": 1}
    kept = eventually(row.read, "its alarm is written down")
    (name,) = eventually(lambda: _alarms(platform, "rare-clock"), "its alarm is set")
    mends: tuple[Callable[[], Any], ...] = (
        lambda: invoke(platform, "ServingApplyScheduleFunction", alarm, "Event"),
        lambda: client.done("PATCH", "/models/rare-clock", {"description": "Mended"}),
        lambda: invoke(platform, "ServingSweepModelsFunction"),
    )
    for mend in mends:
        row.drop()
        mend()
        eventually(row.read, "it is written down again")
        assert _alarms(platform, "rare-clock") == [name]
    ringing = rows.get_schedule(GroupName=group, Name=name)
    parts = ("ScheduleExpression", "FlexibleTimeWindow", "Target")
    rows.create_schedule(GroupName=group, Name="rare-nobody", **{part: ringing[part] for part in parts})
    swept(platform, lambda: not _alarms(platform, "rare-nobody"), "the alarm of nobody is removed")
    with unswept(platform):  # which would set it right before it rings
        row.drop()
        soon = {"ScheduleExpression": f"at({datetime.now(UTC) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})"}
        rows.update_schedule(GroupName=group, Name=name, **{part: ringing[part] for part in parts} | soon)
        eventually(row.read, "the alarm has rung, and is written down again")
    client.done("DELETE", "/models/rare-clock/schedule")
    eventually(lambda: not row.read() and not _alarms(platform, "rare-clock"), "nothing is left of it")
    row.write(kept)
    invoke(platform, "ServingApplyScheduleFunction", alarm)
    assert not row.read()


def _alarms(platform: Platform, model_id: str) -> list[str]:
    found = platform.aws("scheduler").list_schedules(GroupName=platform.physical("ServingAlarms"))["Schedules"]
    return [one["Name"] for one in found if one["Name"].startswith(model_id)]


class _Row:
    """What is written down of a model's alarm."""

    def __init__(self, platform: Platform, model_id: str) -> None:
        self._rows, self._table = platform.aws("dynamodb"), platform.physical("ServingModelTable")
        self._key = {"pk": {"S": f"MODEL#{model_id}"}, "sk": {"S": "SCHEDULE"}}

    def read(self) -> Any:
        """The whole row, or None."""
        return self._rows.get_item(TableName=self._table, Key=self._key, ConsistentRead=True).get("Item")

    def drop(self) -> None:
        """Lose it."""
        self._rows.delete_item(TableName=self._table, Key=self._key)

    def write(self, item: Any) -> None:
        """Put it back as it was."""
        self._rows.put_item(TableName=self._table, Item=item)
