"""Files and words that become documents."""

import io
from pathlib import Path
from typing import Any

import pytest

from slipway_cli import documents
from slipway_cli.errors import UsageError


def test_yaml_scalars_are_what_json_would_take_them_for(tmp_path: Path) -> None:
    """Times of day, `no`, dates and versions stay texts; numbers, true and null are what they are."""
    path = tmp_path / "x.yaml"
    lines = ["opens: 18:00", "country: no", "day: 2026-01-01", "version: 1.0.0", "zero: 0123", "hex: 0x1F"]
    path.write_text("\n".join([*lines, "max: 4", "share: 0.5", "on: true", "nothing: null", "empty:"]))
    assert documents.read(str(path)) == {
        "opens": "18:00", "country": "no", "day": "2026-01-01", "version": "1.0.0", "zero": "0123", "hex": "0x1F",
        "max": 4, "share": 0.5, "on": True, "nothing": None, "empty": None,
    }  # fmt: skip


@pytest.mark.parametrize("document", [{"opens": "18:00", "off": "no", "n": 1, "x": None, "list": ["a", 1.5, True]}, {}])
def test_yaml_that_is_written_is_read_back_alike(document: dict[str, Any], tmp_path: Path) -> None:
    """`show -o yaml` is what `--file` takes."""
    path = tmp_path / "x.yml"
    path.write_text(documents.dump_yaml(document))
    assert documents.read(str(path)) == document


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    """A file from elsewhere holds data only."""
    path = tmp_path / "x.yaml"
    path.write_text("a: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(UsageError, match="not YAML"):
        documents.read(str(path))


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON is recognised by its brace."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": 1}'))
    assert documents.read("-") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "is not JSON"), ("[1]", "holds no object"), ("a: [", "is not YAML at line"), ("", "holds no object")],
)
def test_a_file_that_is_no_object_is_refused_with_its_name(text: str, sentence: str, tmp_path: Path) -> None:
    """And with the place where it goes wrong."""
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(UsageError, match=sentence) as refused:
        documents.read(str(path))
    assert str(path) in refused.value.message


def test_a_file_that_is_not_there_is_named() -> None:
    """The system's own word for it."""
    with pytest.raises(UsageError, match="No such file"):
        documents.read("/nowhere/x.json")


def test_words_are_json_or_texts() -> None:
    """Numbers, lists, null and objects are taken as such; a text needs no quotes."""
    document: dict[str, Any] = {}
    documents.assign(
        document,
        ["capacity.max=4", 'allowed_groups=["a"]', "capacity.idle_minutes=null", "description=to be = or not", r"tags.cost\.centre=x"],
    )
    documents.assign(document, ["tags.number=12"], text=True)
    assert document == {
        "capacity": {"max": 4, "idle_minutes": None},
        "allowed_groups": ["a"],
        "description": "to be = or not",
        "tags": {"cost.centre": "x", "number": "12"},
    }


@pytest.mark.parametrize("word", ["capacity.max", "=4", "a..b=1", ".a=1"])
def test_a_word_that_sets_nothing_is_refused(word: str) -> None:
    """No field is guessed."""
    with pytest.raises(UsageError):
        documents.assign({}, [word])


def test_a_path_through_a_value_is_refused() -> None:
    """Nothing is silently overwritten."""
    with pytest.raises(UsageError, match="leads through"):
        documents.assign({"description": "x"}, ["description.more=1"])
