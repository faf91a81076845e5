"""`python -m tests.fabric.replay --seed N [--steps S]`: walk one seed again, and print everything that happens, one line each.

`make replay SEED=N` is the same. The exit status is 1 if the walk fails, as it would in the suite.
"""

import argparse
import random
import sys

from tests.fabric.platform import Fabric
from tests.fabric.walk import Walk, check, plan_of

STEPS = 30


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> int:
    """Walk it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    with Fabric(given.seed, plan_of(given.seed)) as fabric:
        _say(f"seed {given.seed}: {fabric._faults.plan}")
        walk = Walk(fabric, random.Random(f"walk {given.seed}"))
        failure: Exception | None = None
        try:
            walk.go(given.steps)
            check(walk)
        except Exception as error:  # noqa: BLE001 - whatever it is, the trace that led to it is printed first
            failure = error
        _say("\n".join(fabric.log))
        _say(f"faults: {dict(fabric.fired)}")
    if failure is None:
        _say("ended well")
        return 0
    _say(f"{type(failure).__name__}: {str(failure).splitlines()[0]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
