"""The dated price table, made from LiteLLM's cost map."""

import json
from typing import Any

import pytest

from contracts.prices import FOLDER, PLACES
from scripts.prices import INSTANCES, table


def row(**entry: Any) -> dict[str, int]:
    """One model's prices by what they are for, without those that are none."""
    made = table({"m": {"litellm_provider": "openai", **entry}}, json.loads(INSTANCES.read_text(encoding="utf-8")), "2026-11-21", "a map")
    found = made["models"].get("openai/m", [0] * len(PLACES))
    return {place: price for place, price in zip(PLACES, found, strict=True) if price}


@pytest.mark.parametrize(
    ("entry", "prices"),
    [
        ({"input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-7}, {"input": 150_000, "output": 600_000, "cached": 150_000}),
        ({"mode": "audio_transcription", "input_cost_per_second": 0.0001}, {"second": 100_000_000}),
        ({"mode": "image_generation", "output_cost_per_image": 0.04, "output_cost_per_image_token": 3e-5}, {"image": 40_000_000_000}),
        ({"mode": "image_generation", "output_cost_per_image_token": 4e-5}, {"output": 40_000_000}),
        ({"mode": "image_edit", "output_cost_per_image_token": 3.2e-5, "output_cost_per_token": 1e-5}, {"output": 32_000_000}),
        ({"mode": "image_generation", "output_cost_per_token": 1e-5}, {"output": 10_000_000}),
        ({"mode": "chat", "output_cost_per_image_token": 4e-5, "output_cost_per_token": 1e-5}, {"output": 10_000_000}),
        ({"mode": "chat"}, {}),
    ],
    ids=str,
)
def test_a_price_is_of_what_is_paid_for(entry: dict[str, Any], prices: dict[str, int]) -> None:
    """Tokens of pictures where a model draws and has no price for a picture."""
    assert row(**entry) == prices


def test_no_model_that_draws_by_tokens_draws_for_nothing() -> None:
    """In the table that is delivered."""
    for path in FOLDER.glob("*.json"):
        models = json.loads(path.read_text(encoding="utf-8"))["models"]
        drawing = {name: prices for name, prices in models.items() if "/gpt-image-" in name}
        assert drawing
        assert [name for name, prices in drawing.items() if not prices[PLACES.index("output")] + prices[PLACES.index("image")]] == []
