"""Two at once: whoever loses the write decides anew on what the winner has left."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from contracts.model import MODEL_SPEC
from kit.caller import Caller, command
from kit.clock import SystemClock
from kit.errors import Conflict, InvalidRequest
from kit.ids import Ids
from serving.adapters.addresses import ResolvingGuard
from serving.domain.operation import Step
from serving.domain.waits import awaited
from serving.usecases.commanding import Commanding
from serving.usecases.create_model import CreateModel
from serving.usecases.delete_model import DeleteModel
from serving.usecases.launch_engine import LaunchEngine
from serving.usecases.resumption import Resumption
from serving.usecases.steps import Order
from serving.usecases.wish_checks import WishChecks
from serving.wiring import commands
from tests.fabric import world
from tests.fakes.serving import OvertakenStore, RecordingEngines, RecordingMachines
from tests.functional.serving import samples
from tests.functional.serving.changing import RESTART, acknowledged, told_by_routing
from tests.functional.serving.world import TABLE, Serving
from tests.unit.serving.samples import spec

_CALLER = Caller("token:r", groups=("research",), scopes=("models:write",))
_COMMAND = command("token:r", "once", {"do": "it"})
_CLOCK = SystemClock()


def test_duplicates_that_race_are_answered_alike(serving: Serving) -> None:
    """One model, one fact, one answer for both."""
    del serving
    answers = []

    def other() -> None:
        answers.append(commands.create_model()(_CALLER, spec(), _COMMAND))

    store = OvertakenStore(commands.delete_model()._store, other)
    answers.append(
        CreateModel(store, WishChecks(ResolvingGuard(()), store.model, store.holder), _CLOCK, Ids(_CLOCK))(_CALLER, spec(), _COMMAND)
    )
    assert answers[0] == answers[1]
    assert store.commits == 1
    assert world.told(TABLE) == ["ModelRequested"]


def test_of_two_who_want_one_id_one_gets_it(serving: Serving) -> None:
    """The other is told that it exists."""
    store = OvertakenStore(commands.delete_model()._store, serving.create)
    create = CreateModel(store, WishChecks(ResolvingGuard(()), store.model, store.holder), _CLOCK, Ids(_CLOCK))
    with pytest.raises(Conflict, match="model-exists"):
        create(_CALLER, spec(), _COMMAND)


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [("alias", "alias", "name-taken"), ("alias", "id", "model-exists"), ("id", "alias", "name-taken")],
)
def test_of_two_who_want_one_name_one_gets_it(serving: Serving, first: str, second: str, refusal: str) -> None:
    """Whichever was free when both looked: the write of a name decides, and the loser is told."""

    def wish(model_id: str, how: str) -> dict[str, Any]:
        body = samples.provider("wanted" if how == "id" else model_id, **({"aliases": ["wanted"]} if how == "alias" else {}))
        return MODEL_SPEC.validate_python(body).document()

    store = OvertakenStore(commands.delete_model()._store, lambda: serving.create(wish("one", first)))
    create = CreateModel(store, WishChecks(ResolvingGuard(()), store.model, store.holder), _CLOCK, Ids(_CLOCK))
    with pytest.raises((Conflict, InvalidRequest)) as lost:
        create(_CALLER, wish("two", second), _COMMAND)
    codes = [one.code for one in lost.value.violations] if isinstance(lost.value, InvalidRequest) else [lost.value.code]
    assert (codes, store.commits) == ([refusal], 1)
    assert world.told(TABLE) == ["ModelRequested"]


def test_a_command_that_is_overtaken_by_progress_still_counts(serving: Serving) -> None:
    """A deletion whose write was lost to an ECS event is decided again, and accepted."""
    service = serving.running()
    store = OvertakenStore(
        commands.delete_model()._store, lambda: serving.ecs(samples.task_event(service, "RUNNING", 9, task="b" * 32)), times=1
    )
    DeleteModel(store, Commanding(store, _CLOCK, Ids(_CLOCK)))(_CALLER, samples.MODEL_ID, None, _COMMAND)
    assert store.commits == 2
    assert world.told(TABLE)[-2:] == ["CapacityChanged", "ModelDeletionRequested"]


def test_a_deletion_that_is_overtaken_by_the_end_of_a_creation_counts(serving: Serving) -> None:
    """The creation ends between the reading of the model and that of its operation: decided again, and nothing ends twice."""
    serving.running()
    creation = serving.model()["operation"]
    store = commands.delete_model()._store
    read = store.operation
    ends = [samples.route("open", 2)]

    def late(operation_id: str) -> Any:
        if ends:
            serving.hear("RouteChanged", ends.pop())
        return read(operation_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "operation", late)
        answer = DeleteModel(store, Commanding(store, _CLOCK, Ids(_CLOCK)))(_CALLER, samples.MODEL_ID, None, _COMMAND)
    assert serving.operation(creation)["status"] == "Succeeded"
    assert serving.operation(answer["body"]["operation_id"])["supersedes"] is None


def test_a_launch_that_a_deletion_overtakes_leaves_nothing(serving: Serving) -> None:
    """The deletion looked for the service before there was one: the launch itself removes it."""
    serving.create()
    order = Order.parse(serving.order(task_token="a-token"))
    store = commands.delete_model()._store
    machines = RecordingMachines()
    engines = RecordingEngines(while_launching=lambda: serving.on_model("delete_model"))
    launch = LaunchEngine(store, Resumption(store, machines, engines), engines, _CLOCK, "test")
    with pytest.raises(Conflict, match="operation-superseded"):
        launch(order)
    assert engines.running == {}
    assert machines.told == []


def test_a_step_that_has_just_begun_to_wait_is_not_told_of_what_was_before(serving: Serving) -> None:
    """News that is looked at while new copies are being asked for: the old copy, which answers, is not taken for the new one."""
    serving.in_service()
    told_by_routing(serving, 3, "a" * 32)
    store = commands.delete_model()._store
    before = store.model(samples.MODEL_ID)
    accepted = acknowledged(serving, RESTART)
    operation, model = store.operation(accepted["operation_id"]), store.model(samples.MODEL_ID)
    wait = store.wait(accepted["operation_id"], samples.MODEL_ID)
    assert before is not None
    assert model is not None
    assert operation is not None
    assert wait is not None
    assert (wait.step, before.deployments[-1].generation, model.deployments[-1].generation) == (Step.LAUNCH, 1, 2)
    stale = replace(model, deployments=before.deployments)
    assert not awaited(Step.LAUNCH, stale, operation, engines_left=False).true
    order: list[str] = []
    for name in ("wait", "model"):
        setattr(store, name, partial(_noted, order, name, getattr(store, name)))
    Resumption(store, RecordingMachines()).resume(accepted["operation_id"])
    assert order == ["wait", "model"]


def _noted(order: list[str], name: str, real: Callable[..., Any], *asked: Any) -> Any:
    order.append(name)
    return real(*asked)
