import time
from datetime import UTC, datetime


def bad():
    # ruleid: time-outside-the-clock
    datetime.now(UTC)
    # ruleid: time-outside-the-clock
    return time.time()


def good(clock):
    # ok: time-outside-the-clock
    return clock.now()
