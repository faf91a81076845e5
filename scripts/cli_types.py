"""Makes the command line's types from the OpenAPI document: a TypedDict a schema, a Literal an enumeration, and the table of endpoints.

A module a noun: schemas stand together as the contracts that they come from do.
"""

import keyword
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "cli" / "slipway_cli" / "api_types"
_WORDS = '"""What the management API takes and answers: {}. Generated from its OpenAPI document by `make contracts`: do not edit."""\n'
_TYPES = _WORDS + "from typing import Any, Literal, NotRequired, TypedDict\n"
_ENDPOINTS = (
    _WORDS.format("its endpoints")
    + '''
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal


@dataclass(frozen=True)
class Endpoint:
    """One method on one path: the names of its query parameters, and whether it takes a body, Idempotency-Key and If-Match."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    body: bool = False
    idempotent: bool = False
    conditional: bool = False

'''
)
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
Schema = Mapping[str, Any]


def modules(document: Mapping[str, Any], nouns: Mapping[str, str]) -> dict[Path, str]:
    """File → its text, formatted. `document` is the OpenAPI document, `nouns` says of each schema which module it belongs to."""
    schemas = document["components"]["schemas"]
    made = {FOLDER / "__init__.py": "", FOLDER / "endpoints.py": _formatted(_ENDPOINTS + _endpoints(document))}
    for noun in {nouns[name] for name in schemas}:
        own = {name: schema for name, schema in schemas.items() if nouns[name] == noun}
        made[FOLDER / f"{noun}.py"] = _formatted(_TYPES.format(noun.replace("_", " ")) + _types(own, nouns))
    return made


def _types(schemas: Mapping[str, Schema], nouns: Mapping[str, str]) -> str:
    """The types of one noun. Every enumeration of a field has a name of its own, for choices on the command line."""
    lines = [f"from slipway_cli.api_types.{nouns[name]} import {name}" for name in _named(schemas) if name not in schemas]
    for name, schema in schemas.items():
        for field, inner in schema.get("properties", {}).items():
            if values := _enumeration(inner):
                lines.append(f"{name}{_pascal(field)} = {_literal(values)}")
    for name, schema in schemas.items():
        lines.append(_typed_dict(name, schema) if "properties" in schema else f"{name} = {_annotation(schema)}")
    return "\n".join(lines) + "\n"


def _named(schema: Any) -> set[str]:
    """The names of the schemas that a schema refers to."""
    if isinstance(schema, list):
        return set().union(*map(_named, schema))
    if not isinstance(schema, Mapping):
        return set()
    own = {schema["$ref"].rpartition("/")[2]} if "$ref" in schema else set()
    return own.union(*map(_named, schema.values()))


def _enumeration(schema: Schema) -> list[Any] | None:
    """The values of an enumeration, of a list of one, or of one that may be null too."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema.get("type") == "array":
        return _enumeration(schema["items"])
    return next((found for choice in schema.get("anyOf", ()) if (found := _enumeration(choice))), None)


def _typed_dict(name: str, schema: Schema) -> str:
    required, properties = set(schema.get("required", ())), schema["properties"]
    fields = {field: _annotation(inner, name + _pascal(field)) for field, inner in properties.items()}
    fields = {field: text if field in required else f"NotRequired[{text}]" for field, text in fields.items()}
    summary = str(schema.get("description", name)).replace("\\", "\\\\").splitlines()[0].partition(". ")[0].rstrip(".") + "."
    if any(not field.isidentifier() or keyword.iskeyword(field) for field in fields):
        inner = ", ".join(f'"{field}": {text}' for field, text in fields.items())
        return f'{name} = TypedDict("{name}", {{{inner}}})'
    body = "\n".join(f"    {field}: {text}" for field, text in fields.items())
    return f'\n\nclass {name}(TypedDict):\n    """{summary}"""\n\n{body}\n'


def _annotation(schema: Schema, alias: str = "") -> str:
    """The Python type of a schema; `alias` is the name of the enumeration in it, if there is one."""
    if "$ref" in schema:
        return f'"{schema["$ref"].rpartition("/")[2]}"'
    if "const" in schema:
        return _literal([schema["const"]])
    if "enum" in schema:
        return alias or _literal(schema["enum"])
    for words in ("anyOf", "oneOf"):
        if words in schema:
            return _union([_annotation(choice, alias) for choice in schema[words]])
    if "allOf" in schema:
        return _annotation(schema["allOf"][0], alias)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union([_PLAIN[each] for each in kind])
    if kind == "array":
        return f"list[{_annotation(schema.get('items', {}), alias)}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_annotation(values, alias) if isinstance(values, Mapping) else 'Any'}]"
    return _PLAIN[kind] if kind else "Any"


def _union(parts: list[str]) -> str:
    """A union; one with a forward reference is a forward reference as a whole."""
    text = " | ".join(dict.fromkeys(part.strip('"') if part.startswith('"') and part.endswith('"') else part for part in parts))
    return f'"{text}"' if any(part.startswith('"') for part in parts) else text


def _literal(values: list[Any]) -> str:
    return f"Literal[{', '.join(repr(value) for value in values)}]"


def _endpoints(document: Mapping[str, Any]) -> str:
    choices, rows = [], []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            query = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"] if parameter.get("in") == "query"}
            headers = {parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"] if "$ref" in parameter}
            arguments = [repr(method.upper()), repr(path)]
            arguments += [f"query={tuple(query)!r}"] if query else []
            arguments += ["body=True"] if "requestBody" in operation else []
            arguments += ["idempotent=True"] if "Idempotency-Key" in headers else []
            arguments += ["conditional=True"] if "If-Match" in headers else []
            rows.append(f"    {operation['operationId']!r}: Endpoint({', '.join(arguments)}),")
            for name, schema in query.items():
                if values := _enumeration(schema):
                    choices.append(f"{_pascal(operation['operationId'])}{_pascal(name)} = {_literal(values)}")
    table = ["\n\nENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType({", *rows, "})"]
    return "\n".join([*choices, *table, '"""Every endpoint by its name in the OpenAPI document."""']) + "\n"


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _formatted(text: str) -> str:
    """As `make fix` would leave it, so that the generated file passes `make check`."""
    ruff, name = str(Path(sys.executable).with_name("ruff")), str(FOLDER / "any.py")
    for words in (("check", "--fix-only", "--quiet", "--select=F401,I"), ("format",)):
        command = [ruff, *words, "--stdin-filename", name, "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=FOLDER.parents[2]).stdout
    return text
