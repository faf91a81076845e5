"""Makes the command line's types from the OpenAPI document: a TypedDict a schema, a Literal an enumeration, and the table of endpoints."""

import keyword
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PATH = Path(__file__).resolve().parent.parent / "cli" / "slipway_cli" / "api_types.py"
_HEAD = '''"""What the management API takes and answers. Generated from its OpenAPI document by `make contracts`: do not edit."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, NotRequired, TypedDict


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
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
Schema = Mapping[str, Any]


def module(document: Mapping[str, Any]) -> str:
    """The module's text, formatted. `document` is the OpenAPI document."""
    schemas = document["components"]["schemas"]
    lines = [_HEAD]
    aliases = dict(_aliases(document))
    lines += [f"{name} = {annotation}" for name, annotation in aliases.items()]
    for name, schema in schemas.items():
        lines.append(_typed_dict(name, schema) if "properties" in schema else f"{name} = {_annotation(schema)}")
    lines.append(_endpoints(document))
    return _formatted("\n".join(lines) + "\n")


def _aliases(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every enumeration of a field or of a query parameter has a name of its own, for choices on the command line."""
    for name, schema in document["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            if values := _enumeration(inner):
                yield name + _pascal(field), _literal(values)
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                if parameter.get("in") == "query" and (values := _enumeration(parameter["schema"])):
                    yield _pascal(operation["operationId"]) + _pascal(parameter["name"]), _literal(values)


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
    lines = ["\n\nENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType({"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names = [parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "query"]
            headers = {parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"] if "$ref" in parameter}
            arguments = [repr(method.upper()), repr(path)]
            arguments += [f"query=({', '.join(repr(name) for name in names)},)"] if names else []
            arguments += ["body=True"] if "requestBody" in operation else []
            arguments += ["idempotent=True"] if "Idempotency-Key" in headers else []
            arguments += ["conditional=True"] if "If-Match" in headers else []
            lines.append(f"    {operation['operationId']!r}: Endpoint({', '.join(arguments)}),")
    return "\n".join([*lines, "})", '"""Every endpoint by its name in the OpenAPI document."""'])


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _formatted(text: str) -> str:
    """As `make fix` would leave it, so that the generated file passes `make check`."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    done = subprocess.run(
        [ruff, "format", "--stdin-filename", str(PATH), "-"], input=text, capture_output=True, text=True, check=True, cwd=PATH.parents[2]
    )
    return done.stdout
