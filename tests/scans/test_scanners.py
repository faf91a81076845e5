"""Programs of others, and rules of ours for one of them, find nothing that nobody has judged; and each is seen to find something."""

import copy
import json
import subprocess
from pathlib import Path

import pytest

from local.settings import venv
from scripts.scanning.findings import judge
from scripts.scanning.machines import rendered
from scripts.scanning.scanners import RULES, SCANNERS, asl_validator, cloudsplaining, policies
from tests.evidence import counted

pytestmark = pytest.mark.timeout(300)  # several environments are read from disk for the first time
FIXTURES = sorted(path.stem for path in RULES.glob("*.yaml"))


@pytest.mark.parametrize("name", SCANNERS)
def test_a_scanner_finds_nothing_that_nobody_has_judged(name: str) -> None:
    """Mended, or judged right by a sentence in exemptions.yaml; a sentence about nothing is removed."""
    verdict = judge(SCANNERS[name](), {name})
    assert str(verdict) == ""
    counted("scanners_clean", 1, scanner=name)
    counted("scanner_findings_excused", verdict.excused, scanner=name)


def test_the_validator_sees_a_state_that_is_not_there() -> None:
    """A machine that goes on to nowhere, in a copy of a real one."""
    name, definition = next(iter(copy.deepcopy(rendered()).items()))
    next(state for state in definition["States"].values() if "Next" in state)["Next"] = "Nowhere"
    (finding,) = asl_validator({name: definition})
    assert finding.resource == name
    assert "Nowhere" in finding.message
    counted("machines_validated", len(rendered()))


def test_every_role_is_judged_and_an_escalation_seen() -> None:
    """A task that runs under any role whatever is somebody else's power for whoever may start it."""
    escalation = {"Effect": "Allow", "Action": ["iam:PassRole", "ecs:RunTask", "ecs:RegisterTaskDefinition"], "Resource": "*"}
    found = cloudsplaining({"Planted": [{"Version": "2012-10-17", "Statement": [escalation]}]})
    assert "allows-privilege-escalation" in {finding.rule for finding in found}
    counted("roles_judged", len(policies()))


def _semgrep(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(venv("semgrep") / "bin" / "semgrep"), *arguments, "--metrics", "off", "--disable-version-check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_rule_of_ours_sees_its_mistake_and_nothing_else() -> None:
    """Beside each rule lies a file of lines that it must and must not find; every rule has both kinds."""
    for name in FIXTURES:
        text = (RULES / f"{name}.py").read_text()
        assert f"# ruleid: {name}\n" in text, name
        assert f"# ok: {name}\n" in text, name
    done = _semgrep("--test", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(FIXTURES)}/{len(FIXTURES)}" in done.stdout
    counted("code_rules_proven", len(FIXTURES))


def test_rules_for_some_places_hold_there_and_not_elsewhere(tmp_path: Path) -> None:
    """The clock may ask the machine, an adapter may open a client; a use case may neither."""
    for rule, place in (
        ("time-outside-the-clock", "layers/serving/serving/usecases/a.py"),
        ("time-outside-the-clock", "layers/kit/kit/clock.py"),
        ("time-outside-the-clock", "local/a.py"),
        ("aws-client-outside-adapters", "layers/serving/serving/usecases/b.py"),
        ("aws-client-outside-adapters", "layers/serving/serving/adapters/b.py"),
        ("chance-outside-the-ids", "layers/kit/kit/ids.py"),
        ("chance-outside-the-ids", "functions/serving/c.py"),
    ):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((RULES / f"{rule}.py").read_text())
    done = _semgrep("scan", "--config", str(RULES), "--json", "--quiet", "--no-git-ignore", "--project-root", str(tmp_path), str(tmp_path))
    found = {Path(item["path"]).relative_to(tmp_path).as_posix() for item in json.loads(done.stdout)["results"]}
    assert found & {"layers/kit/kit/clock.py", "layers/kit/kit/ids.py", "local/a.py", "layers/serving/serving/adapters/b.py"} == set()
    assert {"layers/serving/serving/usecases/a.py", "layers/serving/serving/usecases/b.py", "functions/serving/c.py"} <= found
