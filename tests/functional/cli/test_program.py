"""The program itself, as a process of its own, against an HTTP server."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import interpreter, venv
from scripts.template import ROOT
from tests.fakes.management import OPERATION_ID, FakeManagement, Told, accepted, model, operation, page, problem

TOKEN = "slp_abcdefghijklmn23_of-the-administrator"
ACKNOWLEDGE = "ack_" + "a" * 40
SECONDS = 60.0


@pytest.fixture
def api() -> Iterator[tuple[FakeManagement, dict[str, str]]]:
    """A server, and the environment in which the program finds it."""
    fake = FakeManagement()
    with fake.serving() as url:
        path = os.pathsep.join([str(ROOT / "cli"), os.environ.get("PYTHONPATH", "")])
        yield (
            fake,
            {
                "MANAGEMENT_URL": f"{url}/",
                "ADMIN_TOKEN": TOKEN,
                "PYTHONPATH": path,
                "PATH": os.environ["PATH"],
                "HOME": "/nowhere",
                "LC_ALL": "C.UTF-8",
            },
        )


def run(environment: dict[str, str], *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    command = [sys.executable, "-m", "slipway_cli", *words]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)


def typed(environment: dict[str, str], *words: str, answers: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the program at a terminal: its exit code, and all that the terminal showed. Each answer is typed when its question is there."""
    terminal, inside = pty.openpty()
    command, where = [sys.executable, "-m", "slipway_cli", *words], {**environment, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, env=where, stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    waiting, shown, until = dict(answers or {}), "", time.monotonic() + SECONDS
    while time.monotonic() < until and select.select([terminal], [], [], until - time.monotonic())[0]:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # Linux's way to say that the program has closed its terminal
            break
        if not data:
            break
        shown += data.decode()
        for question in [question for question in waiting if question in shown]:
            os.write(terminal, f"{waiting.pop(question)}\n".encode())
    os.close(terminal)
    return process.wait(SECONDS), shown


def test_a_pipe_gets_results_and_nothing_else(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """No colours, no padding, no wrapping; the token in a header and nowhere else."""
    fake, environment = api
    fake.on("GET /models", page(model(), model("second", allowed_groups=[f"group-{number}" for number in range(40)]), next_token="abc"))
    done = run(environment, "models", "list")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 3)
    assert "group-39" in done.stdout
    assert not re.search(r"\x1b| $", done.stdout, re.MULTILINE)
    assert fake.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("told", "words", "code"),
    [
        (Told(200, model()), ("models", "show", "parrot"), 0),
        (problem(404, "model-not-found", "no such model"), ("models", "show", "parrot"), 3),
        (problem(500, "internal-error", "something failed"), ("models", "show", "parrot"), 5),
        (Told(200, model()), ("models", "show"), 2),
    ],
)
def test_exit_codes(api: tuple[FakeManagement, dict[str, str]], told: Told, words: tuple[str, ...], code: int) -> None:
    """As the README promises them to scripts."""
    fake, environment = api
    fake.on("GET /models/parrot", told)
    assert run(environment, *words).returncode == code


def test_nobody_at_the_address_is_exit_code_5(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """After some attempts."""
    _, environment = api
    done = run(environment | {"MANAGEMENT_URL": "http://127.0.0.1:9"}, "models", "list", "--quiet")
    assert (done.returncode, "no answer from http://127.0.0.1:9" in done.stderr) == (5, True)


def test_a_lost_answer_does_not_make_a_second_model(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """The server works and the gateway does not answer: the same key comes again."""
    fake, environment = api
    fake.on("POST /models", Told(504, {"message": "Endpoint request timed out"}), accepted())
    done = run(environment, "models", "create", "--file", "-", stdin='{"model_id": "parrot", "hosting": "hosted"}')
    assert done.returncode == 0, done.stderr
    first, second = (asked.headers["idempotency-key"] for asked in fake.asked)
    assert first == second
    assert re.fullmatch(r"slipway-[0-9a-f-]{36}", first)


def test_waiting_shows_phase_progress_and_time_at_a_terminal(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """And leaves one line behind."""
    fake, environment = api
    fake.on("POST /models/parrot/start", accepted())
    fake.on(
        f"GET /operations/{OPERATION_ID}",
        operation("Running", kind="start", phase="fetching", progress=0.42),
        operation("Succeeded", kind="start"),
    )
    code, shown = typed(environment, "models", "start", "parrot", "--wait")
    assert code == 0
    for words in ("start parrot: fetching", "42%", "0:00:0", "start parrot"):
        assert words in shown
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).rstrip().endswith("s")


def test_a_failed_operation_is_exit_code_1(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """With code, sentence and hint."""
    fake, environment = api
    fake.on("POST /models/parrot/start", accepted())
    reason = {"code": "no-capacity", "message": "there is no instance to be had", "hint": "Name more instance types."}
    fake.on(f"GET /operations/{OPERATION_ID}", operation("Failed", kind="start", reason=reason))
    done = run(environment, "models", "start", "parrot", "--wait", "--json")
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (1, reason)
    assert "Name more instance types." in done.stderr


def test_a_person_agrees_to_a_restart(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """At the prompt, having seen what it means."""
    fake, environment = api
    radius = {"fields": ["engine.arguments.context_length"], "strategy": "surge", "requests_in_flight": 3, "expected_downtime_seconds": 0.0}
    refusal = problem(409, "restart-acknowledgement-required", "x", acknowledge=ACKNOWLEDGE, blast_radius=radius)
    fake.on("PATCH /models/parrot", refusal, accepted())
    code, shown = typed(environment, "models", "update", "parrot", "--engine-argument", "context_length=4096", answers={"Go ahead?": "y"})
    assert (code, fake.asked[-1].body["acknowledge"]) == (0, ACKNOWLEDGE)
    assert "nobody is interrupted" in shown


def test_a_token_is_typed_unseen(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """Where the environment holds none. The question's last blank is written once the terminal has stopped showing what is typed."""
    fake, environment = api
    fake.on("GET /models", page())
    code, shown = typed(
        {name: value for name, value in environment.items() if name != "ADMIN_TOKEN"},
        "models",
        "list",
        answers={"API token for the environment: ": "slp_typed"},
    )
    assert (code, fake.asked[-1].headers["authorization"]) == (0, "Bearer slp_typed")
    assert "slp_typed" not in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completion(api: tuple[FakeManagement, dict[str, str]], shell: str) -> None:
    """Commands and the ids of models."""
    fake, environment = api
    fake.on("GET /models", page(model(), model("parakeet")))
    words = {
        "bash": {"COMP_WORDS": "slipway models show par", "COMP_CWORD": "3"},
        "zsh": {"_TYPER_COMPLETE_ARGS": "slipway models show par"},
        "fish": {"_TYPER_COMPLETE_ARGS": "slipway models show par", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    command = [sys.executable, "-c", "import sys; sys.argv = ['slipway']; from slipway_cli.app import main; main()"]
    done = subprocess.run(
        command,
        env=environment | words | {"_SLIPWAY_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "parakeet" in done.stdout, done.stderr
    assert fake.asked[-1].query["prefix"] == "par"


def test_a_terminal_that_lacks_characters_gets_others(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """Not a traceback."""
    fake, environment = api
    fake.on("POST /models/parrot/start", accepted())
    done = run(environment | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, "models", "start", "parrot")
    assert (done.returncode, done.stdout[:10]) == (0, "? parrot: ")


def test_a_broken_pipe_is_no_traceback(api: tuple[FakeManagement, dict[str, str]]) -> None:
    """`slipway … | head -1` ends quietly."""
    fake, environment = api
    fake.on("GET /models", page(*[model(f"model-{number}") for number in range(2000)]))
    command = f"{sys.executable} -m slipway_cli models list -o ndjson | head -1"
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (len(done.stdout.splitlines()), "Traceback" in done.stderr) == (1, False)


def test_what_is_built_installs_and_runs(tmp_path: Path) -> None:
    """The wheel holds the package and its program, the source distribution builds the same; neither needs a network to be made."""
    uv = str(venv("uv") / "bin" / "uv")
    made = ["build", "--quiet", "--offline", "--out-dir", str(tmp_path / "dist"), str(ROOT / "cli")]
    subprocess.run([uv, *made], check=True, capture_output=True, timeout=SECONDS)
    (wheel,), (source,) = (tmp_path / "dist").glob("*.whl"), (tmp_path / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive, tarfile.open(source) as tar:
        packed = {name for name in archive.namelist() if name.endswith(".py")}
        assert packed == {path.relative_to(ROOT / "cli").as_posix() for path in (ROOT / "cli" / "slipway_cli").rglob("*.py")}
        assert {name.partition("/")[2] for name in tar.getnames()} >= packed
    target = [
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--target",
        str(tmp_path / "site"),
        "--python",
        str(interpreter("cli")),
        str(wheel),
    ]
    subprocess.run([uv, *target], check=True, capture_output=True, timeout=SECONDS)
    command = [str(interpreter("cli")), "-c", "from slipway_cli.app import main; main()", "--version"]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "slipway 0.1.0\n"), done.stderr
