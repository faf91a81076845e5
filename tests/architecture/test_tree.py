"""Folder, logical id, use case and trigger are one mapping, and nobody has to search."""

import ast
import re

import pytest

from contracts.catalogue import EVENTS
from scripts.template import ROOT
from tests.architecture.reading import CONTEXTS, Function, functions, pascal

HANDLER_LINES = 40
DOORS = {
    "http": {"http"},
    "event": {"event", "raw_event"},
    "schedule": {"schedule"},
    "stream": {"stream"},
    "queue": {"queue", "raw_queue"},
    "step": {"step"},
    "alarm": {"alarm"},
}
# These answer without our envelope: API Gateway asks the one, and anybody may read the other.
DOORLESS = {"authorize_request", "read_api_document"}
GATHERING = {"arm_schedule"}  # named by what it does, for it does the same on several events
EVERY_EVENT = {"on_fact_announced"}  # whatever it is called
REPORTS = {"on_usage_reported"}  # no events: what routers send to the queue itself
SERVICE_EVENTS = {"on_engine_task_changed", "on_engine_service_changed", "on_engine_host_interrupted"}  # AWS's own facts, named by us

each = pytest.mark.parametrize("item", functions(), ids=lambda item: item.logical_id)


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    """The tree and the template name the same doors."""
    folders = {path.parent.relative_to(ROOT / "functions").as_posix() for path in (ROOT / "functions").glob("*/*/handler.py")}
    assert {f"{item.context}/{item.name}" for item in functions()} == folders


@each
def test_a_logical_id_is_its_folder(item: Function) -> None:
    """`serving/create_model` is ServingCreateModelFunction."""
    assert item.logical_id == f"{pascal(item.context)}{pascal(item.name)}Function"


@each
def test_a_function_has_a_use_case_of_its_name(item: Function) -> None:
    """Each door opens onto one use case."""
    assert (ROOT / "layers" / item.context / item.context / "usecases" / f"{item.name}.py").is_file()


@each
def test_a_door_is_small_and_alone_in_its_folder(item: Function) -> None:
    """A handler decides nothing, so it needs no more than 40 lines and no second module."""
    assert len((item.folder / "handler.py").read_text().splitlines()) <= HANDLER_LINES
    assert [path.name for path in item.folder.iterdir() if path.name != "__pycache__"] == ["handler.py"]


@each
def test_a_door_is_of_the_kind_of_its_trigger(item: Function) -> None:
    """The decorator on `handler` is the door for what the template connects."""
    (handler,) = [node for node in item.door.body if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    if item.name in DOORLESS:
        assert not DOORS.get(item.kind, set()) & {ast.unparse(node) for node in handler.decorator_list}
        return
    (decorator,) = handler.decorator_list
    assert ast.unparse(decorator) in DOORS[item.kind]


@each
def test_the_template_describes_a_function_as_its_handler_does(item: Function) -> None:
    """`Description` is the first line of the handler's docstring."""
    assert item.properties["Description"] == (ast.get_docstring(item.door) or "").splitlines()[0]


@each
def test_a_name_says_the_trigger(item: Function) -> None:
    """on_… reacts, announce_…_changes relays a stream, sweep_… is scheduled; everything else begins with another verb."""
    forms = {"event": r"on_[a-z_]+", "queue": r"on_[a-z_]+", "stream": r"announce_[a-z]+_changes", "schedule": r"sweep_[a-z]+"}
    kind = "gathering" if item.name in GATHERING else item.kind
    assert re.fullmatch(forms.get(kind, r"(?!on_|announce_|sweep_)[a-z]+(_[a-z]+)+"), item.name)


@each
def test_a_reaction_is_named_after_its_event(item: Function) -> None:
    """`on_model_requested` reacts to ModelRequested, which is in the catalogue."""
    if item.name in GATHERING:
        (rule,) = item.events.values()
        names = rule["Properties"]["Pattern"]["detail-type"]
        assert len(names) > 1
        assert set(names) <= set(EVENTS)
    elif item.kind in {"event", "queue"} and item.name not in SERVICE_EVENTS | EVERY_EVENT | REPORTS:
        assert pascal(item.name.removeprefix("on_")) in EVENTS


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_context_says_what_it_promises_and_names_every_function(context: str) -> None:
    """functions/<context>/README.md is there, and complete."""
    text = (ROOT / "functions" / context / "README.md").read_text()
    assert "Promises" in text
    assert [item.name for item in functions() if item.context == context and item.name not in text] == []
