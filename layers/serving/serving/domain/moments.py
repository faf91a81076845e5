"""Arithmetic with moments, which rows and events hold as RFC 3339 text."""

from datetime import datetime


def seconds_between(then: str, now: str) -> float:
    """Seconds from `then` to `now`; negative if `then` lies ahead. ValueError for what is no moment."""
    return (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
