"""Whoever hears again of a wait that has an answer gives it again: news come twice, steps are delivered twice, answers are lost.

The machine's next step is held back meanwhile, so that the wait is still written down.
"""

from typing import Any

from tests.e2e.hastened import ago, invoke, rewritten
from tests.e2e.platform import Platform, eventually
from tests.emulator.faults.injection import Injection
from tests.emulator.privilege.conftest import Bring
from tests.emulator.privilege.rare import by_ecs, document, held, told, waiting

TABLE = "ServingModelTable"
VERSIONS = "RegistryVersionTable"


def verdict(platform: Platform, model_id: str, event_type: str, **changes: Any) -> dict[str, Any]:
    """The registry's verdict about the model, as another one where changes say so."""
    event = told(platform, VERSIONS, "ModelVersionValidated", model_id)
    event["detail"]["data"] |= changes
    return event | {"detail-type": event_type}


def test_a_creation_that_is_cancelled_is_told_so_by_all(platform: Platform, serving: Bring) -> None:
    """Each who hears anything tells the machine, for it may not have heard it; it ends as Cancelled, once."""
    client = serving()
    begun = client.command("POST", "/models", platform.parrot("rare-given-up", load_seconds=600))
    order = waiting(platform, begun, "launch_engine")
    (service,) = eventually(lambda: platform.services_of("rare-given-up"), "its service is there")
    with Injection(platform, held("FailModel"), "given-up"):
        assert client.call("POST", f"/operations/{begun}/cancel").status == 202
        invoke(platform, "ServingLaunchEngineFunction", order)
        invoke(platform, "ServingOnModelVersionValidatedFunction", verdict(platform, "rare-given-up", "ModelVersionValidated"))
        invoke(platform, "ServingOnEngineServiceChangedFunction", by_ecs(service, "SERVICE_TASK_PLACEMENT_FAILURE", "no words of ours"))
        rewritten(platform, begun, updated_at=ago(minutes=3))
        invoke(platform, "ServingSweepModelsFunction")
        invoke(platform, "ServingAwaitValidationFunction", order)
    client.ended(begun, "Cancelled")
    platform.assert_nothing_left("rare-given-up")


def test_an_update_that_is_cancelled_is_told_so_by_all(platform: Platform, serving: Bring) -> None:
    """One more copy finds no place; cancelled, the update goes back to what was."""
    client = serving("rare-growing")
    no_place = {"action": "ecs:placement", "caller": "*rare-growing*", "code": "RESOURCE:MEMORY"}
    with Injection(platform, [no_place, *held("RollBackUpdate")], "growing"):
        begun = client.command("PATCH", "/models/rare-growing", {"capacity": {"max": 2, "desired": 2}})
        order = waiting(platform, begun, "apply_change")
        assert client.call("POST", f"/operations/{begun}/cancel").status == 202
        invoke(platform, "ServingApplyChangeFunction", order)
        invoke(platform, "ServingPrepareUpdateFunction", order)
    client.ended(begun, "Cancelled")
    assert client.call("GET", "/models/rare-growing").json["capacity"]["desired"] == 1


def test_a_provider_that_never_answers_is_given_up_by_all(platform: Platform, serving: Bring) -> None:
    """Nobody listens at its address; the step that waits for its route says so when it is delivered again."""
    client = serving()
    offer = {"name": "openai", "model": "stub", "api_base": f"http://127.0.0.1:{platform.upstream_port}/v1"}
    wish = {"model_id": "rare-faraway", "hosting": "provider", "allowed_groups": ["research"], "provider": offer}
    with Injection(platform, held("FailModel"), "faraway"):
        begun = client.command("POST", "/models", wish)
        order = waiting(platform, begun, "open_provider_route")
        client.call("POST", f"/operations/{begun}/cancel")
        invoke(platform, "ServingOpenProviderRouteFunction", order)
    client.ended(begun, "Cancelled", "Failed")


def test_a_creation_that_has_succeeded_is_told_so_by_all(platform: Platform, serving: Bring) -> None:
    """The route is open, the machine has not settled: each who hears anything says that it may."""
    client = serving()
    with Injection(platform, held("SettleModel"), "succeeded"):
        begun = client.command("POST", "/models", platform.parrot("rare-soon"))
        order = waiting(platform, begun, "launch_engine")
        (service,) = eventually(lambda: platform.services_of("rare-soon"), "its service is there")
        eventually(lambda: (platform.route_of("rare-soon") or {}).get("state") == "open", "its route is open")
        eventually(lambda: (document(platform, "MODEL#rare-soon", "MODEL")["route"] or {}).get("state") == "open", "serving knows it")
        invoke(platform, "ServingOnEngineServiceChangedFunction", by_ecs(service, "SERVICE_STEADY_STATE"))
        about_another = {
            "manifest_sha256": "0" * 64,
            "failure": {"code": "manifest-not-found", "message": "It is gone.", "hint": "Put it back."},
        }
        invoke(platform, "ServingOnModelVersionRejectedFunction", verdict(platform, "rare-soon", "ModelVersionRejected", **about_another))
        rewritten(platform, begun, updated_at=ago(minutes=3))
        invoke(platform, "ServingSweepModelsFunction")
        invoke(platform, "ServingLaunchEngineFunction", order)
    client.ended(begun, "Succeeded")


def test_a_stop_that_has_succeeded_is_told_so_by_its_step(platform: Platform, serving: Bring) -> None:
    """No copy is left by what serving knows; the step, delivered again, asks ECS as well, and says so."""
    client = serving("rare-halted")
    with Injection(platform, held("SettleModel"), "halted"):
        begun = client.command("POST", "/models/rare-halted/stop")
        order = waiting(platform, begun, "stop_engines")
        eventually(lambda: not document(platform, "MODEL#rare-halted", "MODEL")["tasks"], "serving knows that no copy is left")
        invoke(platform, "ServingStopEnginesFunction", order)
    client.ended(begun, "Succeeded")


def test_a_wait_for_a_place_is_kept_patient(platform: Platform, serving: Bring) -> None:
    """As long as ECS finds no place, its word and the sweep keep the machine from giving up; then the model comes into service."""
    client = serving()
    no_place = {"action": "ecs:placement", "caller": "*rare-patient*", "code": "no words of ours"}
    with Injection(platform, [no_place], "patient"):
        begun = client.command("POST", "/models", platform.parrot("rare-patient"))
        waiting(platform, begun, "launch_engine")
        eventually(lambda: client.call("GET", f"/operations/{begun}").json["phase"] == "waiting-for-capacity", "it says what it waits for")
        rewritten(platform, begun, updated_at=ago(minutes=3))
        invoke(platform, "ServingSweepModelsFunction")
    client.ended(begun, "Succeeded")
