"""What the cluster shows, what it does next, and how long that takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fabric.aws.engines import Task
from tests.fabric.delivery.agenda import Thing


@dataclass(eq=False)
class Step(Thing):
    """The next step of a task's life, or (`task` None) the placing of a new one."""

    service: str = ""
    task: Task | None = None
    to: str = ""


@dataclass(frozen=True)
class Picture:
    """Services and tasks as the API shows them at one moment."""

    services: Mapping[str, dict[str, Any]]
    tasks: Mapping[str, dict[str, Any]]


@dataclass
class Pace:
    """How long things take, in seconds, from … to."""

    place: tuple[float, float] = (1, 3)
    provision: tuple[float, float] = (3, 20)
    start: tuple[float, float] = (5, 40)
    load: tuple[float, float] = (5, 90)
    stop: tuple[float, float] = (2, 20)
