"""What an idle environment costs, as scripts/cost_at_rest.py counts it."""

import re
import subprocess
import sys

from bench.conditions import ROOT
from bench.measure import Figure

_TOTAL = re.compile(r"^\s*([\d.]+)\s+(control plane|with 2 router tasks and the balancer)\s+goal ([\d.]+)", re.MULTILINE)


def cost() -> list[Figure]:
    """USD a month without and with two routers and the load balancer."""
    done = subprocess.run([sys.executable, "scripts/cost_at_rest.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    found = _TOTAL.findall(done.stdout)
    if not found:
        raise SystemExit(f"scripts/cost_at_rest.py printed no total:\n{done.stdout}{done.stderr}")
    return [Figure(f"idle: {what}", "USD/month", (float(amount),), goal=float(goal)) for amount, what, goal in found]
