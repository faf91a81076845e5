"""Whether a model fits: its weights and the cache of its requests against the memory of the accelerators, with every step shown.

vLLM shares one pool of cache among requests, so a request of full length must fit once for it to start, and more are better; llama.cpp
reserves each slot's whole context. The estimated part of the arithmetic is off by up to `TOLERANCE_GIB` on either side.
"""

from dataclasses import dataclass
from math import floor

from serving.domain.facts import ModelFacts, Unread
from serving.domain.memory import Ask, Line, Parts, Room, gib, llama_cpp, vllm

_COMFORT = 2  # requests of full length that a pool should hold when nobody said how many
_SHORTEST_CONTEXT = 512


@dataclass(frozen=True)
class Fit:
    """The verdict: `fits`, `tight`, `no` or `unknown`. `code` names what does not fit; `certain` = also if every estimate were nothing.

    `max_context` is the longest context at the asked concurrency (1 if nobody said), `max_concurrency` how many requests of full length run
    at a time, `cache_tokens` what the pool holds in requests of that length.
    """

    verdict: str
    reason: str
    lines: tuple[Line, ...] = ()
    code: str | None = None
    certain: bool = False
    context: int | None = None
    concurrency: int | None = None
    max_context: int | None = None
    max_concurrency: float | None = None
    cache_tokens: int | None = None


def fit(facts: ModelFacts | Unread, ask: Ask, room: Room) -> Fit:
    """The verdict for one accelerator of a group of `tensor_parallel` x `pipeline_parallel`, or for llama.cpp's task."""
    if ask.engine == "mock":
        return Fit("fits", "the mock engine loads no model")
    if isinstance(facts, Unread):
        return Fit("unknown", facts.reason)
    wanted = "gguf" if ask.engine == "llama.cpp" else "safetensors"
    if facts.format != wanted:
        return Fit("unknown", f"{ask.engine} takes artefacts of the format {wanted}, and this one is {facts.format}")
    parts = llama_cpp(facts, ask, room) if ask.engine == "llama.cpp" else vllm(facts, ask, room)
    return _judged(facts, ask, parts)


def _judged(facts: ModelFacts, ask: Ask, parts: Parts) -> Fit:
    longest = _longest(parts, facts.max_context)
    context = parts.context or _longest(parts, facts.max_context, concurrency=1)
    need = parts.request(context) if context else 0.0
    most = parts.pool / need if need > 0 else None
    lines = parts.lines
    if context and need:
        lines += (Line(f"cache of one request of {context:,} tokens", "tokens kept x bytes of one, over all layers", gib(need)),)
    if parts.concurrency > 1 and need:
        lines += (
            Line(f"cache of {parts.concurrency} such requests", f"{parts.concurrency} x {gib(need):g}", gib(need * parts.concurrency)),
        )
    verdict, reason, code, certain = _verdict(facts, ask, parts, context, need)
    return Fit(
        verdict,
        "; ".join((reason, *facts.notes)),
        lines,
        code,
        certain and facts.exact,
        context or None,
        ask.concurrency,
        longest or None,
        _hundredths(most) if most is not None else None,
        int(max(most, 0.0) * context) if most is not None and context else None,
    )


def _verdict(facts: ModelFacts, ask: Ask, parts: Parts, context: int, need: float) -> tuple[str, str, str | None, bool]:
    """Verdict, sentence, code, and whether a `no` stands however small the estimated parts are."""
    spare = parts.budget - parts.weights
    if parts.context and facts.max_context and parts.context > facts.max_context:
        text = f"the model takes at most {facts.max_context:,} tokens, asked are {parts.context:,}"
        return "no", text, "context-exceeds-model", True
    if spare <= 0 or parts.pool <= 0:
        text = f"weights and engine need {gib(parts.weights + parts.overhead):g} GiB, there are {gib(parts.budget):g}"
        return "no", text, "weights-do-not-fit", spare <= 0
    if parts.context is None and context < _SHORTEST_CONTEXT and facts.cache:
        return "no", f"no more than {context} tokens of cache are left", "context-does-not-fit", False
    must = parts.must_hold * need
    if parts.pool < must:
        text = f"{parts.must_hold} request(s) of {context:,} tokens need {gib(must):g} GiB of cache, there are {gib(parts.pool):g}"
        return "no", text, "context-does-not-fit", spare < must
    if parts.context is None and facts.max_context and context < facts.max_context:
        return "tight", f"runs with a context of {context:,} tokens of the model's {facts.max_context:,}", None, False
    wanted = ask.concurrency or _COMFORT
    if parts.pool < wanted * need:
        held = _hundredths(parts.pool / need)
        text = f"holds {held:g} requests of {context:,} tokens at a time, of {wanted}: others wait while all are that long"
        return "tight", text, None, False
    if parts.pool - must < parts.margin:
        return "tight", f"less than {gib(parts.margin):g} GiB to spare, and the estimate may be that far off", None, False
    return "fits", f"{gib(parts.pool - must):g} GiB to spare", None, False


def _longest(parts: Parts, most: int | None, *, concurrency: int | None = None) -> int:
    """The longest context of which that many requests (the asked number if None) fit at a time; 0 if none."""
    copies = concurrency or parts.concurrency
    low, high = 0, most or 2**24
    if parts.pool <= 0:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        if copies * parts.request(middle) <= parts.pool:
            low = middle
        else:
            high = middle - 1
    return low


def _hundredths(number: float) -> float:
    """Rounded down: 2.999 requests at a time are not three."""
    return floor(max(number, 0.0) * 100) / 100
