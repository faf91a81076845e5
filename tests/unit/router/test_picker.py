"""Choosing targets, with LiteLLM and without."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from router.picker import Cooldowns, LiteLLMCooldowns, Picker, PlainCooldowns
from router.routes import Prepared, RouteTable
from tests.unit.router.fakes import route, target

pytestmark = [pytest.mark.usefixtures("litellm"), pytest.mark.filterwarnings("ignore:Item .summary.:UserWarning")]
KINDS: list[Callable[[], Cooldowns]] = [PlainCooldowns, LiteLLMCooldowns]


def _routes(*targets: dict[str, Any]) -> Mapping[str, Prepared]:
    key, _, prepared = RouteTable().parse(route(targets=list(targets)))
    return {key: prepared}


def _picker(cooldowns: Cooldowns, routes: Mapping[str, Prepared]) -> Picker:
    picker = Picker(cooldowns, 60.0)
    picker.synchronise(routes)
    return picker


def _names(picker: Picker, prepared: Prepared, times: int = 60, tried: tuple[str, ...] = ()) -> Counter[str]:
    picked = [picker.pick(prepared, tried) for _ in range(times)]
    return Counter(each.row.target_id for each in picked if each is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_all_ready_targets_take_part(kind: Callable[[], Cooldowns]) -> None:
    """Requests spread over the ready targets; probing and draining ones get none."""
    routes = _routes(target("a"), target("b"), target("c", status="probing"), target("d", status="draining"))
    assert set(_names(_picker(kind(), routes), routes["tiny"])) == {"a", "b"}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_share_the_traffic(kind: Callable[[], Cooldowns]) -> None:
    """Weight 0 gets nothing beside a weight; nine to one is about nine to one."""
    routes = _routes(target("a", weight=0), target("b", weight=100))
    assert set(_names(_picker(kind(), routes), routes["tiny"])) == {"b"}
    routes = _routes(target("a", weight=90), target("b", weight=10))
    shares = _names(_picker(kind(), routes), routes["tiny"], 2000)
    assert 1600 < shares["a"] < 1980


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_target_cools_down_and_the_last_one_is_used_all_the_same(kind: Callable[[], Cooldowns]) -> None:
    """An ejected target gets nothing while another is left; when all are ejected somebody is asked nevertheless."""
    routes = _routes(target("a"), target("b"))
    prepared = routes["tiny"]
    picker = _picker(kind(), routes)
    first, second = prepared.ready
    picker.failed(first, at_once=True)
    assert set(_names(picker, prepared)) == {"b"}
    picker.failed(second, at_once=True)
    assert sum(_names(picker, prepared).values()) == 60
    assert set(_names(picker, prepared, tried=(first.key,))) == {"b"}
    assert picker.pick(prepared, (first.key, second.key)) is None


@pytest.mark.parametrize("kind", KINDS)
def test_three_errors_in_a_row_eject_and_a_success_forgives(kind: Callable[[], Cooldowns]) -> None:
    """An error now and then, which a request itself may cause, takes nobody out."""
    routes = _routes(target("a"), target("b"))
    prepared = routes["tiny"]
    picker = _picker(kind(), routes)
    first = prepared.ready[0]
    for outcome in ("error", "error", "success", "error", "error"):
        picker.failed(first, at_once=False) if outcome == "error" else picker.succeeded(first)
    assert set(_names(picker, prepared)) == {"a", "b"}
    picker.failed(first, at_once=False)
    assert set(_names(picker, prepared)) == {"b"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_decides_who_is_there(kind: Callable[[], Cooldowns]) -> None:
    """Targets come, go and change their weight without a restart; two models may have targets of one name."""
    cooldowns = kind()
    picker = _picker(cooldowns, _routes(target("a"), target("b")))
    changed = _routes(target("b", weight=0), target("c"), target("d"))
    key, _, other = RouteTable().parse(route("other", targets=[target("c", port=1), target("d", port=2)]))
    picker.synchronise({**changed, key: other})
    assert set(_names(picker, changed["tiny"])) == {"c", "d"}
    picker.failed(changed["tiny"].ready[1], at_once=True)
    assert set(_names(picker, changed["tiny"])) == {"d"}
    assert set(_names(picker, other)) == {"c", "d"}
    picker.synchronise({})
    assert cooldowns.choose("tiny", ()) is None
