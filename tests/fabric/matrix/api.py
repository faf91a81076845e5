"""H1: a command on its way from the API into the table."""

from itertools import pairwise
from typing import Any

from tests.fabric.matrix.cells import Hop
from tests.fabric.matrix.scenes import at_rest, command, create, facts, once, serve, skewed, slowly
from tests.fabric.platform import Fabric

API = Hop("H1", "API → table")
_KEY = {"idempotency-key": "the-same"}
_WRITE = "dynamodb.TransactWriteItems"


def _ask(fabric: Fabric, **more: Any) -> tuple[int, Any, dict[str, str]]:
    return fabric.http("create_model", "POST", "/models", headers=_KEY, body=fabric.wish("m1"), **more)


def _refused(fabric: Fabric, error: str) -> int:
    """The write fails so: the caller is told when to come back, nothing is there, and the same request succeeds then."""
    fabric.fault("dynamodb", "TransactWriteItems", error)
    status, told, headers = _ask(fabric)
    assert (status, headers["retry-after"].isdecimal()) == (503, True), told
    assert fabric.rows() == {}
    status, told, _ = _ask(fabric)
    assert status == 202
    fabric.run()
    once(fabric, told["operation_id"])
    return fabric.fired[f"{error} {_WRITE}"]


@API.cell
def duplicate() -> int:
    """The same Idempotency-Key gets the same 202 with the same operation, and there is one row; with another body it is refused."""
    with Fabric(seed=1) as fabric:
        first, again = _ask(fabric), _ask(fabric)
        assert first[:2] == again[:2]
        assert first[0] == 202
        status, told, _ = fabric.http("create_model", "POST", "/models", headers=_KEY, body=fabric.wish("m2"))
        assert (status, told["code"]) == (409, "idempotency-key-reused")
        assert facts(fabric, "ModelRequested") == 1
        return fabric.functions.runs["ServingCreateModelFunction"] - 1


@API.cell
def reorder() -> int:
    """Of two changes made from one generation the one that comes second is told that the model has changed; no update is lost."""
    with Fabric(seed=2) as fabric:
        serve(fabric)
        held = fabric.http("read_model", "GET", "/models/m1")[2]["etag"]
        command(fabric, "update", description="the later one, which came first")
        status, told, _ = fabric.http(
            "update_model", "PATCH", "/models/m1", headers={"if-match": held}, body={"description": "the earlier"}
        )
        assert (status, told["code"]) == (412, "generation-stale")
        at_rest(fabric)
        assert fabric.model("m1")["spec"]["description"] == "the later one, which came first"
        return int(status == 412)


@API.cell
def loss() -> int:
    """The table is never reached: the caller gets 503, no row is there, and a repetition works."""
    with Fabric(seed=3) as fabric:
        return _refused(fabric, "refused")


@API.cell
def delay() -> int:
    """A table that takes three seconds for each write still makes one whole operation of the command, dated when it was decided."""
    with Fabric(seed=4) as fabric:
        slow = slowly(fabric, "dynamodb", "TransactWriteItems", 3.0)
        status, told, _ = _ask(fabric)
        assert status == 202
        assert slow.total() == 1
        operation = fabric.operation(told["operation_id"])
        assert (operation["status"], operation["created_at"]) == ("Pending", "2026-01-01T00:00:00.000Z")
        assert fabric.now == 3.0
        return slow[_WRITE]


@API.cell
def poison() -> int:
    """What cannot be read is answered by 4xx that names each field, never by 5xx, and leaves nothing behind."""
    with Fabric(seed=5) as fabric:
        wish = fabric.wish("m1")
        bad: list[Any] = [
            "{",
            "[]",
            '{"model_id": "\\ud800"}',
            {},
            {**wish, "model_id": "B A D"},
            {**wish, "capacity": {"min": 3, "max": 1}},
            {**wish, "nobody": "knows this"},
            {**wish, "allowed_groups": "research"},
        ]
        for body in bad:
            status, told, _ = fabric.http("create_model", "POST", "/models", body=body)
            assert status in {400, 422}, (body, told)
            assert told["code"] in {"body-not-json", "body-not-object", "body-not-text", "validation-failed"}
            assert status == 400 or all(error["path"] for error in told["errors"]), told
        assert fabric.rows() == {}
        return len(bad)


@API.cell
def throttling() -> int:
    """A throttled table means 503 with Retry-After and no effect; the repetition has one."""
    with Fabric(seed=6) as fabric:
        return _refused(fabric, "throttled")


@API.cell
def crash_between_writes() -> int:
    """There is no between: whichever call the function dies around, its rows are all there or none, and a repetition ends alike."""
    crashes = 0
    for number in range(20):
        for moment in ("before", "after"):
            with Fabric(seed=7) as fabric:
                fabric.crash_next(number, moment)
                first = _ask(fabric)
                if not fabric.fired.total():
                    return crashes
                crashes += 1
                assert first[0] == 500
                assert len(fabric.rows()) in {0, _rows_of_one_command()}
                status, told, _ = _ask(fabric)
                assert status == 202
                assert facts(fabric, "ModelRequested") == 1
                fabric.run()
                once(fabric, told["operation_id"])
    return crashes


def _rows_of_one_command() -> int:
    with Fabric(seed=7) as fabric:
        _ask(fabric)
        return len(fabric.rows())


@API.cell
def timeout_after_success() -> int:
    """The write has happened and its answer is lost: the repetition under the same key finds the operation that was accepted."""
    with Fabric(seed=8) as fabric:
        fabric.fault("dynamodb", "TransactWriteItems", "lost")
        status, told, _ = _ask(fabric)
        assert status == 503, told
        assert facts(fabric, "ModelRequested") == 1
        (operation,) = [row["operation_id"] for key, row in fabric.rows().items() if key[1] == "OPERATION"]
        status, told, _ = _ask(fabric)
        assert (status, told["operation_id"]) == (202, operation)
        fabric.run()
        once(fabric, operation)
        return fabric.fired[f"lost {_WRITE}"]


@API.cell
def stale_read() -> int:
    """Commands decide by consistent reads and conditions: while lists are old, a model that exists is refused all the same."""
    with Fabric(seed=9) as fabric:
        create(fabric)
        fabric.stale_next()
        status, listed, _ = fabric.http("list_models", "GET", "/models")
        assert (status, listed["items"]) == (200, [])
        fabric.stale_next(times=20)
        status, told, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1", description="another"))
        assert (status, told["code"]) == (409, "model-exists")
        return fabric.fired["stale dynamodb.Query"]


@API.cell
def clock_skew() -> int:
    """A function whose clock is ten minutes slow changes the order of nothing: generations and revisions rise by the rows they stand in."""
    with Fabric(seed=10) as fabric:
        serve(fabric)
        skewed(fabric, -600.0)
        command(fabric, "update", description="from the past")
        fabric.run()
        found = [(fact["revision"], fact["metadata"]["occurred_at"]) for fact in fabric.ledger()]
        assert [revision for revision, _ in found] == sorted(revision for revision, _ in found)
        back: int = sum(later < earlier for (_, earlier), (_, later) in pairwise(found))
        assert fabric.model("m1")["generation"] == 2
        assert fabric.model("m1")["spec"]["description"] == "from the past"
        return back


@API.cell
def region_5xx() -> int:
    """A table that answers 5xx means 503 with Retry-After; nothing is half written."""
    with Fabric(seed=11) as fabric:
        return _refused(fabric, "unavailable")


@API.cell
def quota() -> int:
    """What the account's quota has no room for is refused at once with the quota's code, and nothing is accepted."""
    with Fabric(seed=12) as fabric:
        fabric.quotas.value = fabric.quotas.used = 8.0
        status, told, _ = fabric.http("create_model", "POST", "/models", body=fabric.wish("m1", accelerator={"gpus": 1}))
        assert (status, told["errors"][0]["code"]) == (422, "no-room")
        assert "L-DB2E81BA" in told["detail"]
        assert fabric.rows() == {}
        return fabric.calls["service-quotas.GetServiceQuota"]


@API.cell
def gpu_shortage() -> int:
    """The command is accepted; capacity is a condition of the model and a phase of the operation, not an error of the API."""
    with Fabric(seed=13) as fabric:
        fabric.ecs.no_capacity()
        operation = create(fabric, accelerator={"gpus": 1})
        fabric.run()
        assert fabric.operation(operation)["phase"] == "waiting-for-capacity"
        (condition,) = [one for one in fabric.model("m1")["conditions"] if one["type"] == "CapacityAvailable"]
        assert (condition["status"], condition["reason"]) == ("False", "CapacityUnavailable")
        at_rest(fabric)
        once(fabric, operation)
        return sum("no place" in line for line in fabric.log)


API.reasoned(
    partial_batch="A command is one transaction: DynamoDB takes all of its rows or none.",
    out_of_memory="No engine has a part in taking a command; what becomes of one whose memory runs out is H5.",
    health_flap="No engine has a part in taking a command; engines whose health comes and goes are H5 and H8.",
    spot="No instance of ours has a part in taking a command; instances that AWS takes back are H5 and H8.",
)
