"""Models that neither talk nor embed, as routers at the border serve them."""

OTHERS = {"ranker": "rerank", "painter": "image", "listener": "transcription", "speaker": "speech", "judge": "moderation"}
"""Their tasks, by their ids."""
