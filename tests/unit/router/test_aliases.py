"""Models by their other names: whom a name leads to, and what an engine is told of it."""

import orjson
import pytest

from router import policy
from router.identity import Caller
from router.routes import RouteTable
from router.surface import forms
from tests.unit.router.fakes import route

CALLER = Caller("token:t", groups=frozenset({"research"}), token_id="t")
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\x00name="model"\r\n'
    b'--b\r\nContent-Length: 7\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n--b--\r\n'
)


def _apply(table: RouteTable, *documents: dict[str, object], removed: tuple[str, ...] = ()) -> None:
    rows = [table.parse(document) for document in documents]
    table.apply({key: prepared for key, _, prepared in rows}, removed)


def _led_to(table: RouteTable, name: str, caller: Caller = CALLER) -> str | None:
    found = table.find(name, caller)
    return found.route.model_id if found else None


def test_a_name_leads_to_its_model() -> None:
    """To nobody else, to nothing once it is taken away or its model has gone."""
    table = RouteTable()
    _apply(table, route(aliases=["gpt-4o", "meta/llama"]), route("other"))
    assert [_led_to(table, name) for name in ("tiny", "gpt-4o", "meta/llama", "other", "", "gpt")] == ["tiny"] * 3 + ["other", None, None]
    _apply(table, route(revision=2, aliases=["meta/llama"]))
    assert [_led_to(table, name) for name in ("gpt-4o", "meta/llama")] == [None, "tiny"]
    _apply(table, removed=("tiny",))
    assert _led_to(table, "meta/llama") is None


def test_a_name_that_moves_leads_to_the_newer_row_whatever_the_order() -> None:
    """Both models may have it for a moment; an id is never hidden by an alias."""
    for first, second in (("tiny", "other"), ("other", "tiny")):
        table = RouteTable()
        _apply(table, route(first, 7, aliases=["gpt-4o", second]))
        _apply(table, route(second, 6, aliases=["gpt-4o"]))
        assert (_led_to(table, "gpt-4o"), _led_to(table, second)) == (first, second)


def test_a_name_opens_no_door() -> None:
    """Groups, and the models that a token is for, are asked as for the id."""
    table = RouteTable()
    _apply(table, route(aliases=["gpt-4o"], allowed_groups=["sales"]), route("own", aliases=["mine"]))
    assert _led_to(table, "gpt-4o") is None
    narrow = Caller("token:t", groups=CALLER.groups, token_id="t", models=frozenset({"own"}))
    assert (_led_to(table, "mine", narrow), _led_to(table, "gpt-4o", narrow)) == ("own", None)
    by_alias = Caller("token:t", groups=CALLER.groups, token_id="t", models=frozenset({"mine"}))
    assert _led_to(table, "mine", by_alias) is None


def test_each_name_is_listed_and_says_whose_it_is() -> None:
    """The same entry under each, so that a client which looks for a name finds it."""
    prepared = RouteTable().parse(route(aliases=["gpt-4o"]))[2]
    assert [(each["id"], each["slipway"]["model_id"], each["slipway"]["aliases"]) for each in prepared.listings] == [
        ("tiny", "tiny", ["gpt-4o"]),
        ("gpt-4o", "tiny", ["gpt-4o"]),
    ]
    assert prepared.listing("gpt-4o")["id"] == "gpt-4o"


def test_an_engine_is_asked_for_the_model_that_it_has() -> None:
    """In JSON and in forms, where nothing but that one field changes and a length that was told of it is not told any more."""
    document, body = policy.under_its_id({"model": "gpt-4o", "n": 1}, b'{"model":"gpt-4o","n":1}', "tiny", form=False)
    assert (document, orjson.loads(body)) == ({"model": "tiny", "n": 1}, {"model": "tiny", "n": 1})
    before = forms.parse(FORM, "multipart/form-data; boundary=b")
    _, renamed = policy.under_its_id(before, FORM, "tiny-hearing", form=True)
    after = forms.parse(renamed, "multipart/form-data; boundary=b")
    assert (after["model"], bytes(after["file"].content)) == ("tiny-hearing", bytes(before["file"].content))
    assert b"Content-Length" not in renamed
    with pytest.raises(KeyError):
        forms.with_text(FORM, "prompt", "x")
