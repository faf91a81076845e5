"""Lints what CloudFormation will see: the root as written, the root as SAM transforms it, and the children, which nothing else looks into.

cfn-lint knows the schemas, cfn-lint-serverless what serverless applications usually forget. `python scripts/check_templates.py` prints each
finding that tests/architecture/exemptions.yaml does not judge right, with where it is and what to do, and exits 1 if there is one.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.scanning.findings import Finding, judge
from scripts.template import ROOT, load

TOOL = "cfn-lint"
CHILDREN = ("serving_image/stack.yaml", "stacks/observability.yaml")
PARAMETERS = {"Environment": "check", "PythonRuntime": "python3.13", "Architecture": "arm64", "Tracing": "Active", "LogLevel": "INFO"}
_LOCAL = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}
_ADVICE = {
    "E1": "a reference or function is wrong: compare the name with what is declared.",
    "E2": "a parameter is wrong: compare its type, default and constraints.",
    "E3": "a property is wrong: compare with the resource's schema (the link).",
    "E6": "an output is wrong: compare with the resource's attributes.",
    "E7": "a mapping is wrong.",
    "E8": "a condition is wrong.",
    "W1": "something is referred to in a way that may fail: compare with what is declared.",
    "W2": "a parameter is unused, or a runtime is about to go: remove or raise it.",
    "W3": "a property is doubtful (a typo in an action, a missing policy): see the link.",
}


def transformed(parameters: dict[str, str] | None = None) -> dict[str, Any]:
    """The root after the SAM transform, with `parameters` for those that have no default; nothing is uploaded or asked of AWS."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    from samtranslator.public.translator import ManagedPolicyLoader
    from samtranslator.translator.transform import transform

    content = load()
    for resource in content["Resources"].values():
        name = _LOCAL.get(resource["Type"])
        if name:
            resource["Properties"][name] = "s3://bucket/key"
    values = {name: str(item["Default"]) for name, item in content["Parameters"].items() if "Default" in item}
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":  # `sam package` uploads children and writes their address
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.amazonaws.com/key"
    result: dict[str, Any] = transform(content, values | PARAMETERS | (parameters or {}), _loader(ManagedPolicyLoader))
    return result


def _loader(kind: Any) -> Any:
    class Offline(kind):  # type: ignore[misc]  # the translator ships no types
        """We name managed policies by ARN only; asking IAM for their names would need an account."""

        def load(self) -> dict[str, str]:
            return {}

    return Offline(None)


def lint(path: Path, label: str) -> list[Finding]:
    """Every finding in the template at `path`, named `label`; its resource is the logical id, or the label for what lies elsewhere."""
    tool = Path(sys.executable).with_name("cfn-lint")
    command = [str(tool), "--append-rules", "cfn_lint_serverless.rules", "--format", "json", "--template", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if not done.stdout.strip() and done.returncode != 0:
        return [Finding(TOOL, "unreadable", label, done.stderr.strip())]
    return [_finding(item, label) for item in json.loads(done.stdout or "[]")]


def _finding(item: dict[str, Any], label: str) -> Finding:
    rule, location = item["Rule"], item["Location"]
    place = [str(part) for part in location.get("Path") or []]
    advice = _ADVICE.get(rule["Id"][:2], f"{rule['ShortDescription']}.")
    message = (
        f"{item['Message']}\n    at  {label}:{location['Start']['LineNumber']} {'.'.join(place)}\n    fix {advice} {rule.get('Source', '')}"
    )
    return Finding(TOOL, rule["Id"], place[1] if place[:1] == ["Resources"] and len(place) > 1 else label, message)


def cfn_lint() -> list[Finding]:
    """Every finding in all templates."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as pool:
        path = Path(folder) / "transformed.json"
        path.write_text(json.dumps(transformed(), indent=1))
        templates = [(path, "template.yaml (transformed)"), *((ROOT / name, name) for name in ("template.yaml", *CHILDREN))]
        return [finding for found in pool.map(lambda item: lint(*item), templates) for finding in found]


def main() -> int:
    """Lint all; 1 if anything was found that nobody has judged right, or if a judgement is about nothing."""
    verdict = judge(cfn_lint(), {TOOL})
    print(verdict if str(verdict) else f"templates: {2 + len(CHILDREN)} clean, {verdict.excused} findings judged right in exemptions.yaml")
    return 1 if str(verdict) else 0


if __name__ == "__main__":
    raise SystemExit(main())
