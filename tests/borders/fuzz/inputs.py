"""What parsers are given: arbitrary inputs, and good ones with some bytes changed, cut or repeated, which get further."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import counted, scaled

EXAMPLES = 300
COLLECTED: list[tuple[str, Callable[[bytes], Any]]] | None = None
"""Parsers with what takes a fuzzer's bytes, while they are collected."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """Good bytes, some of them changed, taken away or put in."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        until = draw(st.integers(place, min(len(content), place + 9)))
        content[place:until] = draw(
            st.binary(max_size=9) | st.sampled_from([b"\xff" * 8, b"{", b"[" * 2000, b'"', b"\\ud800", b"1e999", b"\0"])
        )
    return bytes(content)


def anything(good: bytes) -> st.SearchStrategy[bytes]:
    """Bytes of both kinds."""
    return st.binary(max_size=300) | spoilt(good)


def fuzz(parser: str, inputs: st.SearchStrategy[Any], one: Callable[[Any], None]) -> None:
    """Run `one` over examples, as many as a change gets; `one` raises for what must not be.

    Where somebody collects (`make fuzz`), nothing is run: the examples are to be made from a fuzzer's bytes.
    """
    seen = [0]

    @settings(max_examples=scaled(EXAMPLES), database=None, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(inputs)
    def run(given_input: Any) -> None:
        seen[0] += 1
        one(given_input)

    if COLLECTED is not None:
        COLLECTED.append((parser, run.hypothesis.fuzz_one_input))  # type: ignore[attr-defined]  # hypothesis puts it there
        return
    run()
    counted("fuzz_cases", seen[0], parser=parser)


def only(errors: type[Exception] | tuple[type[Exception], ...], call: Callable[[], Any]) -> Any:
    """What a parser answers, None where it refuses as it says it does; every other exception is a fault."""
    try:
        return call()
    except errors:
        return None
