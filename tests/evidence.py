"""What the suite has counted while it ran, for the page that says what is proven: `docs/reliability.md`, by `make proof`.

    counted("crash_points_swept", 42, context="serving")

appends one line to a file of this process in the folder `SLIPWAY_EVIDENCE`. Without that variable nothing is written.
"""

import json
import os
from pathlib import Path


def counted(figure: str, value: float, **labels: str) -> None:
    """Say that so much of `figure` was done, found or measured by this test; amounts with equal labels are added up by the page."""
    folder = os.environ.get("SLIPWAY_EVIDENCE")
    if not folder:
        return
    line = json.dumps({"figure": figure, "value": value, "labels": labels, "test": os.environ.get("PYTEST_CURRENT_TEST", "")})
    with (Path(folder) / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(line + "\n")


def scaled(number: int) -> int:
    """How many examples to run where a change gets `number`: multiplied by `SLIPWAY_PROOF_SCALE` (default 1, at least one example)."""
    return max(1, round(number * float(os.environ.get("SLIPWAY_PROOF_SCALE", "1"))))
