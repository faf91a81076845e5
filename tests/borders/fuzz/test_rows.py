"""Rows that another release has written: an older one without fields of today, a newer one with fields that nobody here knows."""

import json
from dataclasses import MISSING, fields
from typing import Any

from hypothesis import strategies as st

from kit.envelope import Metadata
from kit.ledger import entry
from kit.row import Row
from serving.adapters import documents
from serving.domain.model import Model
from tests.borders.fuzz.inputs import JSON, fuzz
from tests.functional.serving import samples
from tests.unit.serving.samples import created

_MORE = st.dictionaries(st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), JSON, max_size=3)
_ROUTE: dict[str, Any] = {"state": "open", "revision": 7, "generation": 1, "ready": ["t"], "targets": ["t"]}
_COPY: dict[str, Any] = {"task_id": "t", "generation": 1, "last_status": "RUNNING", "desired_status": "RUNNING", "address": "10.0.0.1"}


def test_rows_of_older_releases() -> None:
    """A model's row without any of the fields that have come since is still read, and written as one of today."""
    row = {
        "model_id": "m", "generation": 1, "observed_generation": 1, "revision": 3, "edition": 5, "status": "InService", "hosting": "hosted",
        "spec": samples.hosted("m"), "allowed_groups": ["research"], "created_by": "a", "created_at": "2026-01-01T00:00:00.000Z",
        "updated_by": "a", "updated_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    needed = {field.name for field in Model.__dataclass_fields__.values() if field.default is field.default_factory}
    oldest = {name: value for name, value in row.items() if name in needed}

    def one(left_out: set[str]) -> None:
        whole = json.loads(json.dumps(documents.of_model(documents.model(oldest))))
        read = documents.model({name: value for name, value in whole.items() if name in needed or name not in left_out})
        assert documents.model(json.loads(json.dumps(documents.of_model(read)))) == read

    fuzz("row", st.sets(st.sampled_from(sorted(Model.__dataclass_fields__))), one)


def test_rows_of_newer_releases() -> None:
    """Fields that a newer release has put into a model, its route, its copies or an operation are passed over, and all else is read."""
    known_model, known_operation = created()
    model = json.loads(json.dumps(documents.of_model(known_model), default=vars))
    operation = json.loads(json.dumps(documents.of_operation(known_operation), default=vars))

    def one(more: tuple[dict[str, Any], dict[str, Any]]) -> None:
        route, copy = {**_ROUTE, **more[1]}, {**_COPY, **more[1]}
        read = documents.model({**model, "route": route, "tasks": [copy], **more[0]})
        assert read == documents.model({**model, "route": _ROUTE, "tasks": [_COPY]})
        assert documents.operation({**operation, **more[0]}) == documents.operation(operation)

    fuzz("row", st.tuples(_MORE, _MORE), one)


def test_rows_of_the_ledger() -> None:
    """Metadata without what has come since is read with its defaults, and with what will come is read without it; data stays as it is."""
    optional = sorted(field.name for field in fields(Metadata) if field.default is not MISSING)
    whole = {field.name: "x" for field in fields(Metadata) if field.name != "change"}

    def one(drawn: tuple[set[str], dict[str, Any], Any]) -> None:
        left_out, more, data = drawn
        metadata = {name: value for name, value in whole.items() if name not in left_out} | more
        row = Row("MODEL#m", "LEDGER#000000000001", {"event_type": "ModelUpdated", "metadata": metadata, "data": {"x": data}}, {})
        read = entry(row)
        assert {name: value for name, value in vars(read.metadata).items() if value is not None}.items() <= metadata.items()
        assert read.data == {"x": data}
        assert set(read.detail()["metadata"]) <= set(whole)

    fuzz("ledger row", st.tuples(st.sets(st.sampled_from(optional)), _MORE, st.text() | st.integers() | st.none()), one)
