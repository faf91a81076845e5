#!/usr/bin/env python3
"""Writes a file of the price table (`contracts.prices`): models of third parties from LiteLLM's cost map, instances from serving's list.

    python scripts/prices.py COST_MAP [--valid-from 2026-11-21]

COST_MAP is `model_prices_and_context_window_backup.json` of the LiteLLM that the router runs. Prices hold from that day on until a younger
file says otherwise; files of days that are past stay as they are, so that what was reckoned stays what it was.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "layers/contracts/contracts/prices"
INSTANCES = ROOT / "layers/serving/serving/catalogue/instances.json"
FARGATE_VCPUS, FARGATE_GIB = 2, 8
_PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,280}$")
_FIELDS = (
    ("input_cost_per_token",),
    ("output_cost_per_token",),
    ("cache_read_input_token_cost", "input_cost_per_token"),
    ("input_cost_per_second",),
    ("output_cost_per_image", "input_cost_per_image"),
    ("input_cost_per_character", "output_cost_per_character"),
)
_OUTPUT = 1
_DRAWING = {"image_generation", "image_edit"}
_SAME = {"bedrock_converse": "bedrock", "text-completion-openai": "openai", "cohere_chat": "cohere"}


def table(cost_map: Mapping[str, Any], instances: Mapping[str, Any], valid_from: str, source: str) -> dict[str, Any]:
    """One file's content: micro-USD for a million of each (`contracts.prices.PLACES`), and for an hour of each instance type."""
    models = {}
    for name, entry in sorted(cost_map.items()):
        row = [_micro_a_million(entry, names) for names in _fields(entry)]
        if any(row) and _PLAIN.match(name):
            models[_named(name, str(entry.get("litellm_provider", "")))] = row
    fargate = instances["fargate"]
    hour = FARGATE_VCPUS * fargate["vcpu_hour"] + FARGATE_GIB * fargate["gib_hour"]
    return {
        "valid_from": valid_from,
        "sources": {"models": source, "instances": f"layers/serving, as of {instances['as_of']}, {instances['price_region']}"},
        "fargate_task": round(hour * 1_000_000),
        "instances": [
            {
                "instance_type": one["instance_type"],
                "accelerators": one["accelerators"],
                "memory_gib": one["memory_gib"],
                "hourly": round(one["usd_per_hour"] * 1_000_000),
            }
            for one in instances["types"]
            if one["usd_per_hour"]
        ],
        "models": models,
    }


def text(content: Mapping[str, Any]) -> str:
    """The file: one price a line, so that a renewal reads as a list of changes."""
    head = json.dumps({name: value for name, value in content.items() if name not in {"models", "instances"}}, indent=2)[:-2]
    instances = ",\n".join(f"    {json.dumps(one)}" for one in content["instances"])
    models = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(content["models"].items()))
    return f'{head},\n  "instances": [\n{instances}\n  ],\n  "models": {{\n{models}\n  }}\n}}\n'


def _named(name: str, provider: str) -> str:
    """As the router names it: the provider, a stroke, the model."""
    provider = _SAME.get(provider, "vertex_ai" if provider.startswith("vertex_ai") else provider)
    return name if name.startswith(f"{provider}/") else f"{provider}/{name}"


def _fields(entry: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What a model draws are tokens too, of their own price, where it has none for a picture."""
    fields = list(_FIELDS)
    if entry.get("mode") in _DRAWING and "output_cost_per_image" not in entry:
        fields[_OUTPUT] = "output_cost_per_image_token", "output_cost_per_token"
    return fields


def _micro_a_million(entry: Mapping[str, Any], names: tuple[str, ...]) -> int:
    found = next((entry[name] for name in names if isinstance(entry.get(name), int | float)), 0)
    return int(Decimal(repr(found)) * 1_000_000 * 1_000_000)


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cost_map", type=Path)
    parser.add_argument("--valid-from", default=datetime.now(UTC).date().isoformat())
    given = parser.parse_args()
    content = table(
        json.loads(given.cost_map.read_text(encoding="utf-8")),
        json.loads(INSTANCES.read_text(encoding="utf-8")),
        given.valid_from,
        "LiteLLM's cost map, list prices in US dollars",
    )
    (FOLDER / f"{given.valid_from}.json").write_text(text(content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
