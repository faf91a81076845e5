"""`make status`: what runs, as a table or (`--json`) for programs."""

import argparse
import json
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from local import cloud, daemons, environment
from local.management import Management, ManagementError
from local.settings import Settings, SettingsError
from local.up import answers

Row = dict[str, Any]


def collect(settings: Settings) -> list[Row]:
    """One row per program, task and model: kind, name, state, detail."""
    rows = [_program(program) for program in (daemons.containers(settings), daemons.emulator(settings))]
    stack = cloud.outputs(settings) if rows[1]["state"] == "running" else {}
    rows.append({"kind": "stack", "name": settings.stack_name, "state": "deployed" if stack else "absent", "detail": ""})
    ready = answers(f"{settings.router_url}/health/ready")
    rows.append({"kind": "router", "name": "router", "state": "ready" if ready else "not ready", "detail": settings.router_url})
    if stack:
        rows += _tasks(settings, stack["ClusterName"]) + _models(settings)
    return rows


def _program(program: daemons.Daemon) -> Row:
    pid = program.pid()
    return {
        "kind": "program",
        "name": program.name,
        "state": "running" if pid else "stopped",
        "detail": f"127.0.0.1:{program.port}, pid {pid}" if pid else "",
    }


def _tasks(settings: Settings, cluster: str) -> list[Row]:
    ecs = cloud.client(settings, "ecs")
    try:
        arns = ecs.list_tasks(cluster=cluster)["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    except (ClientError, BotoCoreError):
        return []
    return [
        {
            "kind": "task",
            "name": task["group"].removeprefix("service:"),
            "state": task["lastStatus"].lower(),
            "detail": task["taskArn"].rsplit("/", 1)[-1],
        }
        for task in tasks
    ]


def _models(settings: Settings) -> list[Row]:
    values = environment.read(settings.env_file)
    if "ADMIN_TOKEN" not in values:
        return []
    try:
        items = Management(values["MANAGEMENT_URL"], values["ADMIN_TOKEN"]).call("GET", "/models")["items"]
    except (ManagementError, OSError):
        return []
    return [
        {"kind": "model", "name": item["model_id"], "state": item["status"], "detail": (item.get("failure") or {}).get("message", "")}
        for item in items
    ]


def main() -> int:
    """Run; 0 when the emulator and the router run, else 1."""
    parser = argparse.ArgumentParser(prog="make status")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        rows = collect(Settings.from_environment())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        table = Table("", "name", "state", "detail", box=None, pad_edge=False)
        for row in rows:
            bad = row["state"] in {"stopped", "absent", "not ready", "Failed"}
            table.add_row(row["kind"], row["name"], f"[{'red' if bad else 'green'}]{row['state']}[/]", row["detail"])
        Console().print(table)
    return 0 if rows[1]["state"] == "running" and rows[3]["state"] == "ready" else 1


if __name__ == "__main__":
    sys.exit(main())
