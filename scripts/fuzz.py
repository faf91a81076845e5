"""`make fuzz`: every parser of tests/borders/fuzz under libFuzzer, which follows what each input reaches; for the night.

    make fuzz [SLIPWAY_FUZZ_SECONDS=600] [TARGETS="manifests gguf_headers"]

The time is shared out evenly. What led further is kept in `.local/fuzz/<target>` and goes on from there the next time; what broke a parser
lies beside it as `crash-…`, to be read once more, with its traceback, by `make fuzz TARGETS="--one TARGET FILE"`. Exits with 1 if anything
broke. A target is one test of that folder: its examples are made of libFuzzer's bytes, and its assertions are what must hold.
"""

import argparse
import os
import re
import subprocess
import sys
from typing import Final

from local.settings import ROOT, venv
from tests.borders.fuzz.targets import MODULES, Target, targets
from tests.evidence import counted

CORPUS: Final = ROOT / ".local" / "fuzz"
SECONDS: Final = float(os.environ.get("SLIPWAY_FUZZ_SECONDS", "600"))
LEAST: Final = 2
"""Seconds of a target: fewer are over before anything has been learnt."""
LONGEST_INPUT, SLOWEST_INPUT, MOST_MIB = 8192, 10, 2048
INSTRUMENTED: Final = ("access", "contracts", "engine", "kit", "registry", "router", "serving", "slipway_cli")
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


def hunt(target: Target, seconds: float) -> bool:
    """One target in a process of its own, as libFuzzer never comes back; whether it held."""
    corpus = CORPUS / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    limits = [
        f"-max_total_time={max(LEAST, int(seconds))}", f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_INPUT}", f"-rss_limit_mb={MOST_MIB}"
    ]  # fmt: skip
    command = [sys.executable, "-m", "scripts.fuzz", "--one", target.name, *limits, "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
    done = subprocess.run([*command, str(corpus)], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    runs, covered = _RUNS.search(said), _COVERED.findall(said)
    number = int(runs[1]) if runs else 0
    counted("fuzz_inputs_by_coverage", number, target=target.name)
    held = done.returncode == 0 and number > 0
    print(f"{target.name:40} {number:>9,} inputs, {covered[-1] if covered else 0:>5} edges{'' if held else '  BROKEN'}", flush=True)
    if not held:
        print(said[-6000:], flush=True)
    return held


def environment() -> dict[str, str]:
    """Ours, with the fuzzer's own environment behind what the development environment has."""
    (packages,) = (venv("fuzz") / "lib").glob("python3.*/site-packages")
    ours = os.environ.get("PYTHONPATH", "")
    return os.environ | {"PYTHONPATH": f"{ours}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}


def one(name: str, arguments: list[str]) -> None:
    """Hand a target over to libFuzzer, whose arguments these are: options, and a corpus or single inputs."""
    import atheris

    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        found = {target.name: target for target in targets()}
    run = found[name].run

    def read(content: bytes) -> None:
        run(content)

    atheris.Setup([name, *arguments], read)
    atheris.Fuzz()


def main() -> int:
    """Hunt everything that is asked for; 1 if something broke."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", help="none: all")
    parser.add_argument("--one", metavar="TARGET", help="in this process, with libFuzzer's own arguments behind it")
    given, more = parser.parse_known_args()
    if given.one:
        one(given.one, [*more, *given.targets])
    known = targets()
    if unknown := set(given.targets) - {target.name for target in known}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(target.name for target in known)}")
    chosen = [target for target in known if not given.targets or target.name in given.targets]
    print(f"{len(chosen)} parsers of {len(MODULES)} modules, {SECONDS:g} s in all", flush=True)
    broken = [target.name for target in chosen if not hunt(target, SECONDS / len(chosen))]
    if broken:
        print(f"broken: {', '.join(broken)}; the inputs lie in {CORPUS.relative_to(ROOT)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
