"""ECS creates a service once; that it has done so may be news to whoever asked."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from kit.errors import Refused
from serving.adapters import engines
from serving.adapters.task_definitions import EngineEnvironment
from serving.domain.model import Model


class Ecs:
    """Takes the first creation, loses its reply, and refuses the second as ECS does. `kept`: whether the service is there afterwards."""

    def __init__(self, *, kept: bool) -> None:
        self._kept, self._created = kept, False

    def describe_services(self, **_: Any) -> dict[str, Any]:
        """The service once it was created."""
        return {"services": [{"status": "ACTIVE"}] if self._created and self._kept else [], "failures": []}

    def create_service(self, **_: Any) -> None:
        """What the SDK's second try meets."""
        self._created = True
        refusal: Any = {"Code": "InvalidParameterException", "Message": "Creation of service was not idempotent."}
        raise ClientError({"Error": refusal}, "CreateService")


@pytest.fixture
def launcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> engines.EcsLauncher:
    """The launcher over such an ECS; the family's definition is registered already."""
    monkeypatch.setattr(engines, "service", lambda *_: {})
    monkeypatch.setattr(engines.EcsLauncher, "_definitions", lambda *_: ["arn:aws:ecs:eu-west-1:123456789012:task-definition/x:1"])

    class Place:
        cluster, environment = "cluster", "test"

    return engines.EcsLauncher(Ecs(kept=request.param), cast("EngineEnvironment", Place()))


@pytest.mark.parametrize("launcher", [True], indirect=True)
def test_a_service_whose_creation_nobody_heard_of_is_taken_for_created(launcher: engines.EcsLauncher) -> None:
    """The reply to the first try was lost, the second is refused: what bears the name is what would have been made."""
    launcher.launch("slipway-test-m-1-0-0-g1", cast("Model", None))


@pytest.mark.parametrize("launcher", [False], indirect=True)
def test_a_creation_that_ecs_refuses_is_refused(launcher: engines.EcsLauncher) -> None:
    """Where there is no such service the refusal stands."""
    with pytest.raises(Refused, match="not idempotent"):
        launcher.launch("slipway-test-m-1-0-0-g1", cast("Model", None))
