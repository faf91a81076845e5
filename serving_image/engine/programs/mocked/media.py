"""Vectors, ranks, pictures, sound and judgements."""

import base64
import json
import random
import struct
import time
import zlib
from typing import Any, Final

from engine.programs.mocked.reply import Events, event, texts_of, words_in

_RATE: Final = 16_000
_BYTES_A_WORD: Final = _RATE // 5 * 2  # a fifth of a second, 16 bits a sample
_HEARD: Final = "The mock engine has heard a recording ."
_CATEGORIES: Final = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
_FORBIDDEN: Final = "forbidden"
KINDS: Final = {"wav": "audio/wav", "pcm": "audio/pcm", "mp3": "audio/mpeg"}


def embeddings(body: dict[str, Any], model: str, size: int) -> dict[str, Any]:
    """A vector for each text, the same for the same text."""
    given = body.get("input", "")
    texts = given if isinstance(given, list) and not all(isinstance(token, int) for token in given) else [given]
    size = int(body.get("dimensions") or size)
    data = []
    for index, text in enumerate(texts):
        vector: Any = _vector(str(text), size)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    count = words_in(str(text) for text in texts)
    return {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": count, "total_tokens": count}}


def _vector(text: str, size: int) -> list[float]:
    source = random.Random(text)  # noqa: S311 - the same text must give the same vector
    return [round(source.uniform(-1, 1), 6) for _ in range(size)]


def rerank(body: dict[str, Any], model: str, number: int) -> dict[str, Any]:
    """Documents by how many of the query's words they hold."""
    wanted = {word.lower() for word in str(body.get("query", "")).split()}
    documents = [texts_of(document) for document in body.get("documents", [])]
    scored = [(len(wanted & {word.lower() for word in text.split()}) / max(1, len(wanted)), place) for place, text in enumerate(documents)]
    best = sorted(scored, key=lambda each: (-each[0], each[1]))[: int(body.get("top_n") or len(scored))]
    count = words_in([str(body.get("query", "")), *documents])
    results = [{"index": place, "relevance_score": score, "document": {"text": documents[place]}} for score, place in best]
    meta = {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": count}}
    return {
        "id": f"rerank-{number}",
        "model": model,
        "results": results,
        "usage": {"prompt_tokens": count, "total_tokens": count},
        "meta": meta,
    }


def images(body: dict[str, Any]) -> dict[str, Any]:
    """Pictures of one colour, which the prompt decides."""
    prompt = str(body.get("prompt", ""))
    count = int(body.get("n") or 1)
    data = [{"b64_json": base64.b64encode(_png(f"{prompt} {place}")).decode(), "revised_prompt": prompt} for place in range(count)]
    asked = words_in([prompt])
    usage = {"input_tokens": asked, "output_tokens": 16 * count, "total_tokens": asked + 16 * count}
    return {"created": int(time.time()), "data": data, "usage": usage | {"input_tokens_details": {"text_tokens": asked, "image_tokens": 0}}}


def _png(seed: str) -> bytes:
    colour = struct.pack(">I", zlib.crc32(seed.encode()))[:3]
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" + colour)), (b"IEND", b""))
    packed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def speech(body: dict[str, Any]) -> bytes:
    """Silence as long as the text: WAV, raw samples, or frames of MP3."""
    words = max(1, words_in([str(body.get("input", ""))]))
    form = body.get("response_format") or "mp3"
    if form == "mp3":
        return (b"\xff\xfb\x90\x00" + bytes(413)) * words  # an empty frame of MPEG-1 layer III, 128 kbit/s
    samples = bytes(_BYTES_A_WORD * words)
    return samples if form == "pcm" else _wav_head(len(samples)) + samples


def _wav_head(size: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, _RATE, _RATE * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)


def transcription(fields: dict[str, str], size: int) -> tuple[str, str]:
    """Content type and body of what was heard in a recording of `size` bytes."""
    seconds = round(size / (_RATE * 2), 3)
    form = fields.get("response_format", "json")
    if form == "text":
        return "text/plain", _HEARD + "\n"
    if form in {"srt", "vtt"}:
        head, mark = ("WEBVTT\n\n", ".") if form == "vtt" else ("1\n", ",")
        return "text/plain", f"{head}00:00:00{mark}000 --> 00:00:01{mark}000\n{_HEARD}\n\n"
    document: dict[str, Any] = {"text": _HEARD, "usage": _heard_usage(seconds)}
    if form == "verbose_json":
        segment = {"id": 0, "seek": 0, "start": 0.0, "end": seconds, "text": _HEARD, "tokens": [], "temperature": 0.0}
        segment |= {"avg_logprob": -0.125, "compression_ratio": 1.0, "no_speech_prob": 0.0}
        document |= {"task": "transcribe", "language": fields.get("language", "english"), "duration": seconds, "segments": [segment]}
    return "application/json", json.dumps(document)


def transcription_events(size: int) -> Events:
    """The same as events."""
    for word in _HEARD.split(" "):
        yield event({"type": "transcript.text.delta", "delta": f"{word} "}), True
    done = {"type": "transcript.text.done", "text": _HEARD, "usage": _heard_usage(round(size / (_RATE * 2), 3))}
    yield event(done), False
    yield b"data: [DONE]\n\n", False


def _heard_usage(seconds: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": seconds}


def moderation(body: dict[str, Any], model: str, number: int) -> dict[str, Any]:
    """A judgement for each text: what holds the word `forbidden` is."""
    given = body.get("input", "")
    texts = given if isinstance(given, list) and all(isinstance(text, str) for text in given) else [texts_of(given)]
    return {"id": f"modr-{number}", "model": model, "results": [_judged(_FORBIDDEN in text.lower()) for text in texts]}


def _judged(flagged: bool) -> dict[str, Any]:
    return {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in _CATEGORIES},
        "category_scores": {name: 0.99 if flagged and name == "violence" else 0.01 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
