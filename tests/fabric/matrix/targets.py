"""H8 where a target is at fault: the router's real choice among those that its table names."""

import pytest

from router.choosing.asked import NOTHING
from router.choosing.bench import Fault
from router.choosing.memory import PlainCooldowns
from router.choosing.picker import Picker
from router.errors import ApiError
from router.routes import RouteTable
from tests.fabric.matrix.reload import RELOAD
from tests.unit.router.fakes import route, target
from tests.unit.router.test_engines import World


def _gone_round(status: int | None) -> int:
    """One of two targets answers so: every request is answered by the other."""
    asked = 0
    for _ in range(20):
        world = World({"bad": status, "good": 200})
        assert world.ask(world.becomes("bad", "good")) == 200
        asked += world.engines.asked.count("bad")
    return asked


@RELOAD.cell
def gpu_shortage() -> int:
    """A model none of whose targets is ready is refused with 503 and a time to come back; nobody is asked."""
    world = World({})
    key, _, prepared = world.routes.parse(route(targets=[target("one", status="probing")], state="probing"))
    world.routes.apply({key: prepared}, ())
    with pytest.raises(ApiError) as refused:
        world.ask(prepared)
    assert (refused.value.status, refused.value.code, world.engines.asked) == (503, "model_not_ready", [])
    return int(refused.value.status == 503)


@RELOAD.cell
def out_of_memory() -> int:
    """An engine that dies before the first byte costs no request: the next target gets it."""
    return _gone_round(None)


@RELOAD.cell
def health_flap() -> int:
    """One error in three takes nobody out, three in a row do; and the last target is asked all the same."""
    routes = RouteTable()
    picker = Picker(PlainCooldowns())
    routes.listen(picker.synchronise)
    key, _, prepared = routes.parse(route(targets=[target("a"), target("b")]))
    routes.apply({key: prepared}, ())
    first, second = (picker.pick(prepared, tried=(other.key,)) for other in reversed(prepared.ready))
    assert first is not None
    assert second is not None
    flaps = 0
    for outcome in (False, False, True, False, False, False):
        flaps += not outcome
        picker.succeeded(first) if outcome else picker.failed(first, NOTHING, Fault.FAILED)
    picked = {chosen.key for _ in range(60) if (chosen := picker.pick(prepared))}
    assert picked == {second.key}
    picker.failed(second, NOTHING, Fault.UNREACHABLE)
    assert picker.pick(prepared) is not None
    return flaps


@RELOAD.cell
def spot() -> int:
    """An engine that drains, because its host goes, says 503 and is gone round; draining targets get no new request at all."""
    _, _, prepared = RouteTable().parse(route(targets=[target("going", status="draining"), target("staying")]))
    assert [each.row.target_id for each in prepared.ready] == ["staying"]
    return _gone_round(503)
