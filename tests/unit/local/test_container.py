"""A container's process: output, signals, exit codes, and what is left behind."""

import json
import subprocess
import sys
from pathlib import Path

from local.containers.container import RECORD, Container, born, kill_orphans
from local.images import Image

PATIENCE_SECONDS = 20


def container(directory: Path, code: str) -> Container:
    """A container that runs a Python one-liner."""
    image = Image("test", Path(sys.executable), (), ())
    return Container(
        image, "c", "127.0.0.9", directory / "c", "test:1", ("python", "-c", code), {"GIVEN": "yes", "SLIPWAY_LISTEN_HOST": "0.0.0.0"}, {}
    )


def printed(under: Container) -> list[str]:
    """All output until the end."""
    return [line.data.decode().rstrip() for line in under.lines(follow=True)]


def test_output_and_exit_code_are_the_processs_own(tmp_path: Path) -> None:
    """Both streams are kept in order."""
    under = container(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); sys.exit(65)")
    under.start()
    assert printed(under) == ["out", "err"]
    assert (under.wait(PATIENCE_SECONDS), under.status) == (65, "exited")


def test_the_environment_is_the_containers_alone(tmp_path: Path) -> None:
    """Its address is forced, its variables are given, and nothing of ours leaks in."""
    under = container(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    under.start()
    seen = json.loads(printed(under)[0])
    assert (seen["GIVEN"], seen["SLIPWAY_LISTEN_HOST"]) == ("yes", "127.0.0.9")
    assert seen["HOME"].startswith(str(tmp_path))
    assert "PYTEST_CURRENT_TEST" not in seen


def test_sigterm_comes_first(tmp_path: Path) -> None:
    """A process that drains decides its own exit code."""
    code = "import signal, sys, threading; signal.signal(15, lambda *_: sys.exit(3)); print('up', flush=True); threading.Event().wait()"
    under = container(tmp_path, code)
    under.start()
    next(under.lines(follow=True))
    under.stop(PATIENCE_SECONDS)
    assert under.exit_code == 3


def test_sigkill_comes_after_the_grace_period(tmp_path: Path) -> None:
    """137 is what Docker says of a killed process."""
    under = container(
        tmp_path,
        "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); threading.Event().wait()",
    )
    under.start()
    next(under.lines(follow=True))
    under.stop(0.05)
    assert under.exit_code == 137


def test_orphans_of_a_runtime_that_died_are_killed(tmp_path: Path) -> None:
    """A recorded process is killed, a process that merely has its id by now is not, and the folders go."""
    orphan = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"], start_new_session=True)
    bystander = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"], start_new_session=True)
    try:
        for name, pid, birth in (("a", orphan.pid, born(orphan.pid)), ("b", bystander.pid, "1")):
            (tmp_path / name).mkdir()
            (tmp_path / name / RECORD).write_text(json.dumps({"pid": pid, "born": birth}))
        assert kill_orphans(tmp_path) == 1
        assert orphan.wait(PATIENCE_SECONDS) == -9
        assert bystander.poll() is None
        assert list(tmp_path.iterdir()) == []
    finally:
        bystander.kill()
        bystander.wait()
