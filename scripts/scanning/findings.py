"""What a program that looks for mistakes has found, and what of it somebody has judged to be right as it is.

`tests/architecture/exemptions.yaml` lists every judgement: tool, rule, resource (`*` stands for any part of a name), and a sentence that
says why. One that nothing needs any more is an error, like one without a sentence.
"""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.template import ROOT

EXEMPTIONS = ROOT / "tests" / "architecture" / "exemptions.yaml"
_SENTENCE = re.compile(r"[A-Z].{38,}[.]", re.DOTALL)


@dataclass(frozen=True, order=True)
class Finding:
    """One mistake: `rule` as its tool calls it, `resource` a logical id, a state, a file or a package, with a detail after a colon."""

    tool: str
    rule: str
    resource: str
    message: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.tool} {self.rule} {self.resource}: {self.message}"


@dataclass(frozen=True)
class Exemption:
    """A judgement: findings of `rule` at `resource` are right as they are, because of `why`."""

    tool: str
    rule: str
    resource: str
    why: str

    def covers(self, finding: Finding) -> bool:
        """Whether this is about that."""
        return (self.tool, self.rule) == (finding.tool, finding.rule) and fnmatch.fnmatchcase(finding.resource, self.resource)

    @property
    def faults(self) -> list[str]:
        """What is wrong with the judgement itself."""
        name = f"{self.tool} {self.rule} {self.resource}"
        faults = [] if _SENTENCE.fullmatch(self.why.strip()) else [f"{name}: `why` is a sentence of 40 characters or more"]
        return faults + ([f"{name}: `*` alone would excuse everything"] if self.resource.strip("*:") == "" else [])


@cache
def exemptions(path: Path = EXEMPTIONS) -> tuple[Exemption, ...]:
    """Every judgement on file; TypeError names what an entry lacks or has too much."""
    entries: list[dict[str, Any]] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return tuple(Exemption(**entry) for entry in entries)


@dataclass(frozen=True)
class Verdict:
    """`open` is to be mended or judged, `stale` are judgements about nothing, `excused` is how many findings were judged right."""

    open: tuple[Finding, ...]
    stale: tuple[Exemption, ...]
    excused: int

    def __str__(self) -> str:
        """For people: what is to be done, a line each."""
        lines = [str(finding) for finding in self.open]
        lines += [f"no longer found, remove the exemption: {item.tool} {item.rule} {item.resource}" for item in self.stale]
        return "\n".join(lines)


def judge(found: Iterable[Finding], tools: set[str], listed: Iterable[Exemption] | None = None) -> Verdict:
    """Findings of `tools`, all of them and all that these tools find, against the judgements about these tools."""
    everything = sorted(set(found))
    listed = [item for item in (exemptions() if listed is None else listed) if item.tool in tools]
    covered = {finding for finding in everything if any(item.covers(finding) for item in listed)}
    stale = tuple(item for item in listed if not any(item.covers(finding) for finding in everything))
    return Verdict(tuple(finding for finding in everything if finding not in covered), stale, len(covered))
