"""What depends on a model keeps it from being deleted, and from nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest

from kit.caller import Caller, command
from kit.errors import Conflict
from kit.ids import Ids
from serving.usecases.add_model_user import AddModelUser
from serving.usecases.commanding import Commanding
from serving.usecases.delete_model import DeleteModel
from serving.wiring import adapters
from tests.fabric import world
from tests.fakes.serving import OvertakenStore
from tests.functional.serving import samples
from tests.functional.serving.world import TABLE, Serving

_HANDBOOK = {"kind": "repository", "user_id": "handbook", "name": "Handbook search"}
_ORDER = command("token:r", None, {"do": "PUT"})
_CALLER = Caller("token:r", "token", ("research",), ("models:read", "models:write"))


def _use(serving: Serving, method: str = "PUT", caller: Mapping[str, Any] = samples.RESEARCHER, **changes: Any) -> tuple[int, Any]:
    given = {"model_id": samples.MODEL_ID, "kind": "repository", "user_id": "handbook"} | changes
    function = {"PUT": "add_model_user", "DELETE": "remove_model_user"}[method]
    body = {"body": {"name": "Handbook search"}} if method == "PUT" else {}
    status, answer, _ = serving.http(function, method, "/x", caller, path_parameters=given, **body)
    return status, answer


def _delete(serving: Serving, model_id: str = samples.MODEL_ID) -> tuple[int, Any]:
    status, answer, _ = serving.http("delete_model", "DELETE", "/x", path_parameters={"model_id": model_id})
    return status, answer


@pytest.mark.parametrize("wish", [samples.hosted(), samples.provider()], ids=["hosted", "provider"])
def test_a_model_in_use_is_not_deleted(serving: Serving, wish: dict[str, Any]) -> None:
    """The refusal names who uses it and what to do; nothing is written; once they have let go, it goes."""
    serving.create(wish)
    model_id = wish["model_id"]
    assert _use(serving, model_id=model_id)[0] == 200
    _use(serving, model_id=model_id, kind="alias", user_id="best")
    before = world.rows(TABLE)
    status, problem = _delete(serving, model_id)
    assert (status, problem["code"]) == (409, "model-in-use")
    assert [(user["kind"], user["user_id"]) for user in problem["users"]] == [("alias", "best"), ("repository", "handbook")]
    assert problem["hint"]
    assert world.rows(TABLE) == before
    _use(serving, "DELETE", model_id=model_id, kind="alias", user_id="best")
    _use(serving, "DELETE", model_id=model_id)
    assert _delete(serving, model_id)[0] == 202


def test_a_plan_of_a_deletion_is_refused_alike(serving: Serving) -> None:
    """Who asks what would happen is told the same."""
    serving.create()
    _use(serving)
    asked = {"path_parameters": {"model_id": samples.MODEL_ID}, "query": {"dry_run": "true"}}
    status, problem, _ = serving.http("delete_model", "DELETE", "/x", **asked)
    assert (status, problem["code"]) == (409, "model-in-use")


def test_uses_are_shown_and_told(serving: Serving) -> None:
    """By the model, by the list, and once in the timeline however often it is said."""
    serving.create()
    for _ in range(2):
        _, answer = _use(serving)
    assert answer["items"] == serving.on_model("read_model")[1]["used_by"] == serving.on_model("list_model_users")[1]["items"]
    assert [(user["name"], user["by"]) for user in answer["items"]] == [("Handbook search", "token:r")]
    for _ in range(2):
        assert _use(serving, "DELETE")[1]["items"] == []
    told = world.told(TABLE)
    assert (told.count("ModelClaimed"), told.count("ModelReleased")) == (1, 1)
    assert serving.model()["generation"] == 1


def test_a_model_in_use_stops_all_the_same(serving: Serving) -> None:
    """Only a deletion is refused."""
    serving.in_service()
    _use(serving)
    assert serving.on_model("stop_model")[0] == 202


def test_what_is_being_deleted_is_not_taken_up(serving: Serving) -> None:
    """Neither while it goes nor for those who may not see it."""
    serving.create()
    assert _use(serving, caller=samples.STRANGER)[1]["code"] == "model-not-found"
    assert _use(serving, caller=samples.READER)[1]["code"] == "scope-missing"
    _delete(serving)
    assert _use(serving)[1]["code"] == "use-not-possible"


@pytest.mark.parametrize("changes", [{"kind": "person"}, {"user_id": ""}, {"user_id": "a b"}, {"user_id": "x" * 129}])
def test_an_unknown_kind_or_a_bad_id_is_refused(serving: Serving, changes: dict[str, Any]) -> None:
    """422 with the field."""
    serving.create()
    status, problem = _use(serving, **changes)
    assert (status, problem["errors"][0]["path"]) == (422, next(iter(changes)))


def test_of_a_deletion_and_a_use_at_the_same_moment_one_wins(serving: Serving) -> None:
    """Whoever writes first: the other reads what it left, and is refused."""
    serving.create()
    ids = Ids(adapters.CLOCK)
    use = AddModelUser(adapters.store(), adapters.CLOCK)
    store = OvertakenStore(adapters.store(), lambda: use(_CALLER, samples.MODEL_ID, _HANDBOOK, "r", _ORDER))
    deletion = DeleteModel(store, Commanding(store, adapters.CLOCK, ids))
    with pytest.raises(Conflict) as refused:
        deletion(_CALLER, samples.MODEL_ID, None, command("token:r", "once", {"do": "DELETE"}))
    assert refused.value.code == "model-in-use"
    assert serving.model()["status"] == "Creating"


def test_and_the_other_way_round(serving: Serving) -> None:
    """The deletion is first: nothing comes to depend on what goes."""
    serving.create()
    store = OvertakenStore(adapters.store(), lambda: _delete(serving))
    with pytest.raises(Conflict) as refused:
        AddModelUser(store, adapters.CLOCK)(_CALLER, samples.MODEL_ID, _HANDBOOK, "r", _ORDER)
    assert refused.value.code == "use-not-possible"
    assert (serving.model()["status"], serving.model()["users"]) == ("Deleting", [])
