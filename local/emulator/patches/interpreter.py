"""Functions run on an interpreter that holds only what Lambda's runtime holds.

Stock: on the emulator's own interpreter, where every package of the emulator hides a dependency that was forgotten.
"""

import os
import sys

from ministack.core import lambda_runtime

from local.emulator.pin import expect, replace


def apply() -> None:
    """Run python3.x functions on SLIPWAY_FUNCTION_PYTHON, whose version is the emulator's own."""
    expect(lambda_runtime._detect_runtime_binary, "return sys.executable, _PYTHON_WORKER_SCRIPT")
    own = f"python3.{sys.version_info.minor}"

    def detect(runtime: str) -> tuple[str, str]:
        binary, script = stock(runtime)
        if not runtime.startswith("python"):
            return binary, script
        if runtime != own:
            raise RuntimeError(f"this platform runs {own} functions only, not {runtime}: deploy with PythonRuntime={own}")
        return os.environ.get("SLIPWAY_FUNCTION_PYTHON") or binary, script

    stock = replace(lambda_runtime, "_detect_runtime_binary", detect)
