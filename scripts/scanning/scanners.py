"""The scanners: each is a program, most in an environment of their own (`make scanners`), and answers findings; `SCANNERS` names them.

None asks anything of the network.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.settings import venv
from scripts.check_templates import CHILDREN, cfn_lint, transformed
from scripts.scanning.findings import Finding
from scripts.scanning.machines import rendered
from scripts.template import ROOT, load

OURS = ("layers", "functions", "serving_image", "cli", "local", "scripts", "bench")
RULES = ROOT / "tests" / "scans" / "semgrep"
_QUIET = {"SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0", "CKV_IGNORE_HIDDEN_DIRECTORIES": "true", "LOG_LEVEL": "ERROR"}


class ScannerError(Exception):
    """A scanner could not do its work; the message says what it said."""


def _run(command: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a scanner; ScannerError if it is not there. What an exit status means is each scanner's own matter."""
    if not Path(command[0]).exists():
        raise ScannerError(f"{command[0]} is not there. Run: make scan")
    environment = {**os.environ, **_QUIET, "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)


def _answer(done: subprocess.CompletedProcess[str]) -> Any:
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ScannerError(f"{done.args[0]} ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}") from error


def checkov() -> list[Finding]:
    """Every check of checkov on the transformed root and on the children; the resource is `TYPE.LogicalId`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "template.json").write_text(json.dumps(transformed(), indent=1))
        for child in CHILDREN:
            shutil.copy(ROOT / child, folder / Path(child).name)
        options = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--output", "json"]
        answer = _answer(_run([str(venv("checkov") / "bin" / "checkov"), "--directory", name, *options]))
    if answer["summary"]["parsing_errors"] or not answer["summary"]["passed"]:
        raise ScannerError(f"checkov could not read the templates: {answer['summary']}")
    failed = answer["results"]["failed_checks"]
    return [Finding("checkov", item["check_id"], item["resource"], item["check_name"]) for item in failed]


def cloudsplaining(roles: dict[str, list[dict[str, Any]]] | None = None) -> list[Finding]:
    """Every role of every stack (or those given), judged on its own: escalation, exfiltration, exposure, rights, whole services."""
    roles = policies() if roles is None else roles
    answer = _answer(_run([str(venv("scan") / "bin" / "python"), str(ROOT / "scripts/scanning/policies.py")], json.dumps(roles)))
    return [Finding("cloudsplaining", item["rule"].replace("_", "-"), item["role"], item["said"]) for item in answer]


def policies() -> dict[str, list[dict[str, Any]]]:
    """Documents of identity policies by role, with every reference resolved to some name: what cloudsplaining reads."""
    found = {}
    for stack in (transformed(), *(load(ROOT / child) for child in CHILDREN)):
        for name, resource in stack["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                found[name] = [_resolved(policy["PolicyDocument"]) for policy in resource["Properties"].get("Policies", [])]
    return found


def _resolved(value: Any) -> Any:
    if isinstance(value, list):
        return [_resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        return text if isinstance(text, str) else text[0]
    if "Ref" in value or "Fn::GetAtt" in value:
        return f"arn:aws:named:::{value.get('Ref') or '.'.join(value['Fn::GetAtt'])}"
    return {key: _resolved(item) for key, item in value.items()}


def asl_validator(machines: dict[str, dict[str, Any]] | None = None) -> list[Finding]:
    """Every machine as Step Functions gets it (or those given): names that lead nowhere, paths and ARNs of a wrong form."""
    node = shutil.which("node")
    if node is None:
        raise ScannerError("asl-validator needs Node.js (node and npm) on the PATH")
    program = venv("asl") / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
    found = []
    with tempfile.TemporaryDirectory() as name:
        for machine, definition in (rendered() if machines is None else machines).items():
            path = Path(name) / f"{machine}.json"
            path.write_text(json.dumps(definition))
            done = _run([node, str(program), "--json-path", str(path)])
            if done.returncode:
                found.append(Finding("asl-validator", "invalid", machine, (done.stderr or done.stdout).replace(name, "")))
    return found


def bandit() -> list[Finding]:
    """Medium and worse in our Python."""
    tool = str(venv("scan") / "bin" / "bandit")
    answer = _answer(_run([tool, "--quiet", "--severity-level", "medium", "--format", "json", "--recursive", *OURS]))
    if answer["errors"]:
        raise ScannerError(f"bandit could not read: {answer['errors']}")
    return [
        Finding("bandit", item["test_id"], item["filename"].removeprefix("./"), f"line {item['line_number']}: {item['issue_text']}")
        for item in answer["results"]
    ]


def semgrep() -> list[Finding]:
    """Our own rules on our Python."""
    tool = str(venv("semgrep") / "bin" / "semgrep")
    options = ["--metrics", "off", "--disable-version-check", "--quiet", "--json", "--jobs", "2", "--no-git-ignore"]
    answer = _answer(_run([tool, "scan", "--config", str(RULES), "--project-root", str(ROOT), *options, *OURS]))
    if answer["errors"]:
        raise ScannerError(f"semgrep could not read: {[error.get('message') for error in answer['errors']][:3]}")
    return [
        Finding("semgrep", item["check_id"].rpartition(".")[2], item["path"], f"line {item['start']['line']}: {item['extra']['message']}")
        for item in answer["results"]
    ]


SCANNERS: dict[str, Callable[[], list[Finding]]] = {
    "asl-validator": asl_validator,
    "bandit": bandit,
    "cfn-lint": cfn_lint,
    "checkov": checkov,
    "cloudsplaining": cloudsplaining,
    "semgrep": semgrep,
}
