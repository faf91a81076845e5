"""From POST /models to InService, and every way of not getting there."""

from contracts.catalogue import EVENTS
from contracts.views import READ_MODEL
from tests.fabric import world
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving


def test_a_hosted_model_comes_into_service(serving: Serving) -> None:
    """Request, validation, service, task, open route: InService, with the facts in order and the operation Succeeded."""
    status, accepted = serving.create()
    assert (status, accepted["status"]) == (202, "Pending")
    serving.pump()
    assert serving.operation(accepted["operation_id"])["phase"] == "validating"
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    (service,) = serving.services()
    assert service == "slipway-test-smollm2-135m-1-0-0-g1"
    serving.ecs(samples.task_event(service, "RUNNING", 3))
    serving.hear("RouteHealthObserved", samples.health("progressing", phase="loading", progress=0.5))
    assert serving.operation(accepted["operation_id"])["phase"] == "loading"
    serving.hear("RouteChanged", samples.route("open", 2))
    assert world.told(TABLE) == ["ModelRequested", "CapacityChanged", "ModelInService"]
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"
    model = serving.on_model("read_model")[1]
    assert {c["type"]: c["status"] for c in model["conditions"]} == dict.fromkeys(
        ("ArtifactValidated", "CapacityAvailable", "EngineReady", "RouteOpen"), "True"
    )
    assert (model["status"], model["generation"], model["observed_generation"], model["capacity"]["running"]) == ("InService", 1, 1, 1)
    READ_MODEL.validate_python(model)


def test_every_fact_is_a_valid_event_that_belongs_to_the_operation(serving: Serving) -> None:
    """What the ledger holds passes the contracts, and is correlated by the operation's id."""
    serving.in_service()
    serving.on_model("delete_model")
    facts = world.ledger(TABLE)
    operation_id = facts[0]["data"]["operation_id"]
    for fact in facts:
        EVENTS[fact["event_type"]].validate_document(fact["data"])
    assert {fact["metadata"]["correlation_id"] for fact in facts[:3]} == {operation_id}
    assert [fact["revision"] for fact in facts] == [1, 2, 3, 4]


def test_a_creation_takes_the_same_few_transitions_however_long_it_waits(serving: Serving) -> None:
    """At most twelve, with a wait of minutes or without."""
    serving.create()
    serving.pump()
    (execution,) = serving.machines.executions.values()
    serving.machines.advance(600)
    serving.hear("ModelVersionValidated", samples.validated())
    for version in range(1, 12):
        serving.machines.advance(600)
        serving.ecs(samples.task_event(serving.model()["deployments"][-1]["service"], "PENDING", version))
    serving.ecs(samples.task_event(serving.model()["deployments"][-1]["service"], "RUNNING", 40))
    serving.hear("RouteChanged", samples.route("open", 2))
    assert execution.trail == ["PrepareModel", "ChooseHosting", "AwaitValidation", "LaunchEngine", "SettleModel", "Settled"]
    assert execution.transitions == 6


def test_a_provider_model_needs_only_its_route(serving: Serving) -> None:
    """Nothing is provisioned: the open route is all."""
    _, accepted = serving.create(samples.provider())
    serving.pump()
    serving.hear("RouteChanged", samples.route("open", 1, model_id="claude"))
    assert serving.model("claude")["status"] == "InService"
    assert serving.services() == []
    assert world.told(TABLE) == ["ModelRequested", "ModelInService"]
    assert serving.operation(accepted["operation_id"])["status"] == "Succeeded"


def test_facts_that_come_before_their_step_count_when_the_step_comes(serving: Serving) -> None:
    """A verdict and an open route that arrive before the machine waits for them do not get lost."""
    _, accepted = serving.create()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    serving.hear("RouteChanged", samples.route("open", 2))
    serving.pump()
    assert serving.model()["status"] == "InService"


def test_a_rejected_artefact_fails_with_the_registrys_reason(serving: Serving) -> None:
    """Failed with code, sentence and hint; nothing was bought."""
    _, accepted = serving.create()
    serving.pump()
    serving.hear("ModelVersionRejected", samples.rejected(), within=accepted["operation_id"])
    model = serving.on_model("read_model")[1]
    assert (model["status"], model["failure"]["code"], model["failure"]["hint"]) == ("Failed", "manifest-invalid", "Publish it again.")
    assert serving.operation(accepted["operation_id"])["status"] == "Failed"
    assert serving.services() == []
    assert world.told(TABLE) == ["ModelRequested", "ModelFailed"]


def test_an_engine_that_dies_of_its_configuration_is_not_started_twice(serving: Serving) -> None:
    """An exit status that will come back ends the creation at once, and leaves no service and no task definition."""
    service = serving.running()
    serving.ecs(samples.crashed(service, 5, 72))
    assert serving.model()["failure"]["code"] == "model-unsupported"
    assert (serving.services(), serving.definitions()) == ([], [])


def test_an_engine_that_crashes_gets_a_second_chance_and_no_third(serving: Serving) -> None:
    """The second failed start of a one-GPU service is evidence enough."""
    service = serving.running()
    serving.ecs(samples.crashed(service, 5, 80))
    assert serving.model()["status"] == "Creating"
    serving.ecs(samples.task_event(service, "RUNNING", 3, task="b" * 32))
    serving.ecs(samples.crashed(service, 5, 80, task="b" * 32))
    assert (serving.model()["status"], serving.model()["failure"]["code"]) == ("Failed", "engine-crashed")


def test_one_death_told_by_router_and_ecs_counts_once(serving: Serving) -> None:
    """Both see the same target fail."""
    service = serving.running()
    failure = {"code": "engine-crashed", "message": "The engine stopped by itself.", "hint": ""}
    serving.hear("RouteHealthObserved", samples.health("failed", failure=failure))
    serving.ecs(samples.crashed(service, 5, 80))
    assert serving.model()["status"] == "Creating"


def test_a_failure_that_a_router_saw_is_the_models_failure(serving: Serving) -> None:
    """With its own sentence."""
    serving.running()
    failure = {"code": "weights-corrupt", "message": "model.gguf does not have its digest", "hint": "Upload it again."}
    serving.hear("RouteHealthObserved", samples.health("failed", failure=failure))
    assert serving.model()["failure"] == failure


def test_silence_of_the_registry_ends_the_creation(serving: Serving) -> None:
    """No verdict within the heartbeat: Failed with a code that says where it stopped."""
    serving.create()
    serving.pump()
    serving.machines.advance(1000)
    assert serving.model()["failure"]["code"] == "validation-timeout"


def test_silence_of_engine_and_routers_ends_the_creation(serving: Serving) -> None:
    """Nothing heard within the heartbeat."""
    serving.running()
    serving.machines.advance(1300)
    assert serving.model()["failure"]["code"] == "engine-start-timeout"
    assert serving.services() == []


def test_progress_keeps_the_machine_patient(serving: Serving) -> None:
    """A router's sightings are heartbeats."""
    serving.running()
    for number in range(5):
        serving.machines.advance(1000)
        serving.hear("RouteHealthObserved", samples.health("progressing", phase="loading", progress=number / 10))
    assert serving.model()["status"] == "Creating"


def test_an_image_that_is_not_there_fails_with_ecs_words(serving: Serving) -> None:
    """The stop reason becomes a code of ours."""
    service = serving.running()
    for task in ("b" * 32, "c" * 32):
        event = samples.crashed(service, 2, 0, task=task, reason="CannotPullContainerError: pull access denied")
        event["detail"]["stopCode"] = "TaskFailedToStart"
        del event["detail"]["containers"][0]["exitCode"]
        serving.ecs(event)
    assert serving.model()["failure"]["code"] == "image-pull-failed"


def test_an_engine_kind_without_an_image_fails_before_anything_is_made(serving: Serving) -> None:
    """The environment has no mock image: said in words, nothing left."""
    serving.create(samples.hosted(engine={"kind": "mock"}))
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated())
    assert serving.model()["failure"]["code"] == "engine-not-installed"
    assert "mock" in serving.model()["failure"]["message"]


def test_late_news_of_a_superseded_generation_changes_nothing(serving: Serving) -> None:
    """Old tasks, old sightings, old routes."""
    service = serving.running()
    serving.ecs(samples.crashed(service, 5, 72))
    serving.on_model("retry_model")
    serving.pump()
    before = serving.model()
    serving.ecs(samples.task_event(service, "RUNNING", 9, task="d" * 32))
    serving.hear("RouteHealthObserved", samples.health("failed", generation=1))
    assert serving.model() == before


def test_of_several_copies_the_furthest_is_shown(serving: Serving) -> None:
    """Progress goes forward, though routers see now one copy and now another; it goes back only with the copy that led."""
    _, accepted = serving.create(samples.hosted(capacity={"max": 2, "desired": 2}))
    serving.pump()
    serving.hear("ModelVersionValidated", samples.validated(), within=accepted["operation_id"])
    service = serving.model()["deployments"][-1]["service"]
    for task in ("a" * 32, "b" * 32):
        serving.ecs(samples.task_event(service, "RUNNING", 3, task=task))
    serving.hear("RouteHealthObserved", samples.health("progressing", phase="loading", progress=0.7))
    serving.hear("RouteHealthObserved", samples.health("progressing", target="b" * 32, phase="fetching", progress=0.2))
    operation = serving.operation(accepted["operation_id"])
    assert (operation["phase"], operation["progress"]) == ("loading", 0.7)
    serving.ecs(samples.crashed(service, 5, 80))
    serving.hear("RouteHealthObserved", samples.health("progressing", target="b" * 32, phase="fetching", progress=0.4))
    operation = serving.operation(accepted["operation_id"])
    assert (operation["phase"], operation["progress"]) == ("fetching", 0.4)


def test_a_model_falls_back_on_others_that_its_owner_knows(serving: Serving) -> None:
    """Models of the same task that the caller may see; what is not there and what is not theirs are one answer; itself is none."""
    serving.create(samples.provider("other"))
    serving.create(samples.provider("foreign", allowed_groups=["sales"]), samples.STRANGER)
    serving.create(samples.provider("vectors", task="embedding"))
    status, problem = serving.create(samples.hosted(fallbacks=["other", "nowhere", "foreign", "vectors"]))
    assert (status, [(error["path"], error["code"]) for error in problem["errors"]]) == (
        422,
        [("fallbacks[1]", "model-unknown"), ("fallbacks[2]", "model-unknown"), ("fallbacks[3]", "other-task")],
    )
    assert serving.create(samples.hosted(fallbacks=[samples.MODEL_ID]))[0] == 422
    assert serving.create(samples.hosted(fallbacks=["other", "other"]))[0] == 422
    assert serving.create(samples.hosted(fallbacks=["other"]))[0] == 202
    assert serving.model()["spec"]["fallbacks"] == ["other"]


def test_the_groups_that_may_choose_a_version_are_ones_own(serving: Serving) -> None:
    """Like those that may use the model."""
    status, problem = serving.create(samples.hosted(pin_groups=["sales"]))
    assert (status, problem["code"], problem["errors"][0]["path"]) == (403, "group-not-yours", "pin_groups[0]")
    assert serving.create(samples.hosted(pin_groups=["research"]))[0] == 202


def test_no_two_models_have_the_same_name(serving: Serving) -> None:
    """Ids and aliases are names alike: a name is taken once, free again once its model lets go of it, and never a model's own twice."""
    assert serving.create(samples.provider("other", aliases=["gpt-4o", "meta-llama/Llama-3.1-8B"]))[0] == 202
    status, problem = serving.create(samples.provider("third", aliases=["mine", "gpt-4o", "other"]))
    assert (status, [(error["path"], error["code"]) for error in problem["errors"]]) == (
        422,
        [("aliases[1]", "name-taken"), ("aliases[2]", "name-taken")],
    )
    status, problem = serving.create(samples.provider("gpt-4o"))
    assert (status, problem["code"]) == (409, "model-exists")
    for aliases in (["third"], ["a", "a"], ["white space"], ["../x"], [""]):
        assert serving.create(samples.provider("third", aliases=aliases))[0] == 422
    assert serving.create(samples.provider("third", aliases=["mine"]))[0] == 202
