"""What a function has printed is in its log when it has answered, and a function that prints nothing is not made to wait.

Stock: the emulator waits 50 ms for a first line and 5 ms for each next one, and reads what comes later with the next invocation, if one
comes. Here a function's environment writes a mark behind its output before it answers, and the mark is waited for.
"""

import queue
import time
from typing import Any

from ministack.core import lambda_runtime

from local.emulator.pin import expect

MARK = "\x1e end of output"
LONGEST_SECONDS = 5.0
"""For a mark that does not come: the environment has written it before the answer that was just read, so it is on its way."""
_ANSWERED = "        _real_stdout.flush()\n\nrun()"


def apply() -> None:
    """Mark the end of the output in the environment, and read up to the mark."""
    worker, script = lambda_runtime.Worker, lambda_runtime._PYTHON_WORKER_SCRIPT
    expect(script, _ANSWERED, "sys.stdout = sys.stderr")
    expect(worker._read_stderr, 'self._stderr_queue.put(line.rstrip("\\n"))')
    stock = worker._drain_stderr_bounded
    expect(stock, "first_line_wait: float = 0.050", "idle_confirm: float = 0.005")
    marked = f"        sys.stderr.write({MARK!r} + chr(10))\n        sys.stderr.flush()\n{_ANSWERED}"
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_ANSWERED, marked)

    def drain(self: Any, *arguments: Any, **options: Any) -> str:
        if not str(self.config.get("Runtime", "")).startswith("python"):
            return str(stock(self, *arguments, **options))
        lines, deadline = list[str](), time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline:
            reading = self._stderr_thread is not None and self._stderr_thread.is_alive()
            try:
                line = self._stderr_queue.get(timeout=0.02)
            except queue.Empty:
                if not reading:  # the environment has ended, and all that it wrote is read
                    break
                continue
            if line == MARK:
                break
            lines.append(line)
        return "\n".join(lines)

    worker._drain_stderr_bounded = drain
