"""DynamoDB's condition and key condition expressions, as far as anybody here writes them; anything else is an error, never ignored.

Grammar: OR, AND, NOT, parentheses; `=`, `<>`, `<`, `<=`, `>`, `>=`; BETWEEN … AND …; attribute_exists, attribute_not_exists, begins_with.
Paths are top-level attributes, plain or by `#name`.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
Condition = Callable[[Item], bool]
_TOKEN = re.compile(r"\s*(<=|>=|<>|[()=<>,]|[#:]?[A-Za-z0-9_]+)")
_FUNCTIONS = {"attribute_exists", "attribute_not_exists", "begins_with"}
_RESERVED = frozenset(
    {
        "collection",
        "name",
        "names",
        "status",
        "state",
        "type",
        "value",
        "values",
        "data",
        "order",
        "timestamp",
        "role",
        "user",
        "key",
        "ttl",
    }
)
"""Of DynamoDB's 573 reserved words, those that somebody here might be tempted to write without `#`."""


class Malformed(ValueError):
    """An expression that DynamoDB refuses as a ValidationException."""


@lru_cache(maxsize=256)
def tokens(text: str) -> tuple[str, ...]:
    """The expression's words."""
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Malformed(f"syntax error near {text[place : place + 10]!r}")
        found.append(match[1])
        place = match.end()
    return tuple(found)


def compiled(text: str, names: Mapping[str, str], values: Mapping[str, Mapping[str, Any]]) -> Condition:
    """What decides whether an item meets the expression. `Malformed` for one that DynamoDB refuses, unused names and values among them."""
    reader = _Reader(tokens(text), names, values)
    condition = reader.either()
    if reader.left:
        raise Malformed(f"syntax error near {reader.left[0]!r}")
    unused = (set(names) | set(values)) - reader.used
    if unused:
        raise Malformed(f"Value provided in ExpressionAttributeNames or -Values unused in expressions: keys: {sorted(unused)}")
    return condition


class _Reader:
    """Recursive descent over the words."""

    def __init__(self, words: tuple[str, ...], names: Mapping[str, str], values: Mapping[str, Mapping[str, Any]]) -> None:
        self.left = list(words)
        self.used: set[str] = set()
        self._names, self._values = names, values

    def either(self) -> Condition:
        first = self._both()
        while self._next("OR"):
            first = _or(first, self._both())
        return first

    def _both(self) -> Condition:
        first = self._single()
        while self._next("AND"):
            first = _and(first, self._single())
        return first

    def _single(self) -> Condition:
        if self._next("NOT"):
            inner = self._single()
            return lambda item: not inner(item)
        if self._next("("):
            inner = self.either()
            self._expect(")")
            return inner
        if self.left and self.left[0] in _FUNCTIONS:
            return self._function(self.left.pop(0))
        return self._comparison(self._path())

    def _function(self, name: str) -> Condition:
        self._expect("(")
        path = self._path()
        if name == "begins_with":
            self._expect(",")
            (prefix,) = self._value().values()
            self._expect(")")
            return lambda item: path in item and str(next(iter(item[path].values()))).startswith(str(prefix))
        self._expect(")")
        wanted = name == "attribute_exists"
        return lambda item: (path in item) is wanted

    def _comparison(self, path: str) -> Condition:
        operator = self.left.pop(0) if self.left else ""
        if operator.upper() == "BETWEEN":
            low = self._value()
            self._expect("AND")
            high = self._value()
            return _and(_compare(path, ">=", low), _compare(path, "<=", high))
        if operator not in _OPERATORS:
            raise Malformed(f"syntax error near {operator!r}")
        return _compare(path, operator, self._value())

    def _path(self) -> str:
        word = self.left.pop(0) if self.left else ""
        if word.startswith("#"):
            if word not in self._names:
                raise Malformed(f"An expression attribute name used in the document path is not defined; attribute name: {word}")
            self.used.add(word)
            return self._names[word]
        if not word or word[0] in ":()=<>,":
            raise Malformed(f"syntax error near {word!r}")
        if word.lower() in _RESERVED:
            raise Malformed(f"Attribute name is a reserved keyword; reserved keyword: {word}")
        return word

    def _value(self) -> Mapping[str, Any]:
        word = self.left.pop(0) if self.left else ""
        if word not in self._values:
            raise Malformed(f"An expression attribute value used in expression is not defined; attribute value: {word}")
        self.used.add(word)
        return self._values[word]

    def _next(self, word: str) -> bool:
        if self.left and self.left[0].upper() == word:
            self.left.pop(0)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._next(word):
            raise Malformed(f"syntax error: {word!r} is missing")


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _compare(path: str, operator: str, value: Mapping[str, Any]) -> Condition:
    ((kind, raw),) = value.items()
    wanted = _plain(kind, raw)
    compare = _OPERATORS[operator]

    def holds(item: Item) -> bool:
        if path not in item:
            return operator == "<>"
        ((own, found),) = item[path].items()
        return compare(_plain(own, found), wanted) if own == kind else operator == "<>"

    return holds


def _plain(kind: str, raw: Any) -> Any:
    return Decimal(raw) if kind == "N" else raw


def _or(one: Condition, other: Condition) -> Condition:
    return lambda item: one(item) or other(item)


def _and(one: Condition, other: Condition) -> Condition:
    return lambda item: one(item) and other(item)
