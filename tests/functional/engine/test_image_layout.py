"""The image's file system without an image: what the recipe copies is enough to run, from a folder that cannot be written."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.functional.engine.harness import ROOT, Engine


def test_the_copied_files_run_and_the_health_check_follows(tmp_path: Path) -> None:
    """Contracts and engine side by side, as in the image: the supervisor serves, the health check is 0 while it lives and 1 after."""
    app = tmp_path / "app"
    shutil.copytree(ROOT / "layers/contracts/contracts", app / "contracts")
    shutil.copytree(ROOT / "serving_image/engine", app / "engine")
    environment = {"PYTHONPATH": str(app), "PYTHONDONTWRITEBYTECODE": "1"}
    with Engine(environment) as engine:
        engine.wait_for("listening")
        check = [sys.executable, "-m", "engine.health"]
        where = environment | {"SLIPWAY_LISTEN_HOST": "127.0.0.1", "SLIPWAY_LISTEN_PORT": str(engine.port)}
        assert subprocess.run(check, env=where, check=False).returncode == 0
        engine.wait_for_phase("ready")
        engine.terminate()
        assert engine.wait_for_end() == 0
        assert subprocess.run(check, env=where, check=False).returncode == 1
