"""Limits and budgets in the data path: admitted from memory, leased in the background, settled from what was used."""
