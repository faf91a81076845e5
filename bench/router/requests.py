"""What is asked: chats of a given size, as bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_WORDS: Final = "The quick brown fox jumps over the lazy dog, and says so to everybody who would hear it. "
_SCRIPT: Final = """
local heads, count, place, rest, whole = {{}}, 0, 0
function init(args)
  rest = body:match("MODEL(.*)")
  for line in io.lines("{list}") do
    local token, model = line:match("(%S+) (%S+)")
    local headers = {{["Content-Type"] = "application/json"{headers}}}
    if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
    count = count + 1
    whole = wrk.format("POST", "{path}", headers, (body:gsub("MODEL", model, 1)))
    heads[count] = whole:sub(1, #whole - #rest)
  end
end
local file = io.open("{body}", "rb")
body = file:read("*a")
file:close()
function request()
  if count == 1 then return whole end
  place = place % count + 1
  return heads[place] .. rest
end
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\nRESULT {{"answers":%d,"seconds":%.6f,"errors":%d,"p50":%.4f,"p95":%.4f,"p99":%.4f}}\\n', summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
"""


def chat(model: str, size: int, stream: Mapping[str, int] | None = None) -> bytes:
    """A chat whose body has about `size` bytes. `stream`: for a streamed answer, its `max_tokens` (events) and `seed` (µs between them)."""
    document: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": "You are brief."}, {"role": "user", "content": ""}],
    }
    if stream is not None:
        document |= {"stream": True, **stream}
    left = size - len(json.dumps(document, separators=(",", ":")))
    document["messages"][1]["content"] = (_WORDS * (max(left, 1) // len(_WORDS) + 1))[: max(left, 1)]
    return json.dumps(document, separators=(",", ":")).encode()


def request(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def script(folder: Path, path: str, body: bytes, headers: Mapping[str, str], pairs: list[tuple[str, str]]) -> Path:
    """A script for wrk, which sends the body for one (token, model) after another (`-` for no token) and tells its figures as JSON.

    `body` names the model `MODEL`. Many requests are put together when they are sent: written down beforehand they would be tens of MB in
    a cache that the gateway has a part in.
    """
    (folder / "pairs").write_text("".join(f"{token or '-'} {model}\n" for token, model in pairs))
    (folder / "body").write_bytes(body)
    own = "".join(f', ["{name}"] = "{value}"' for name, value in headers.items())
    written = folder / "requests.lua"
    written.write_text(_SCRIPT.format(list=folder / "pairs", body=folder / "body", path=path, headers=own))
    return written
