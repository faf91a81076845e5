"""What there is at one moment: operations under way, copies that run, and what these cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.domain.instances import gpus_of
from serving.domain.model import Model, Spec
from serving.domain.moments import seconds_between
from serving.domain.operation import Operation


@dataclass(frozen=True)
class Running:
    """One model's copies: how many ECS holds for it (starting ones too: an instance is paid for from its first second), their GPUs, and
    USD an hour at list prices; None = the price is not known.
    """

    model_id: str
    copies: int
    gpus: int
    usd_per_hour: float | None


@dataclass(frozen=True)
class Stock:
    """`oldest_seconds`: since the oldest operation was accepted; `overdue_seconds`: how far the latest one is past its deadline."""

    operations: int
    oldest_seconds: float
    overdue_seconds: float
    models: tuple[Running, ...]

    @property
    def gpus(self) -> int:
        """Of all models."""
        return sum(model.gpus for model in self.models)

    @property
    def usd_per_hour(self) -> float:
        """Of all models whose price is known."""
        return round(sum(model.usd_per_hour or 0.0 for model in self.models), 5)


def taken(operations: Sequence[Operation], models: Sequence[Model], price: Callable[[Spec, int], float | None], now: str) -> Stock:
    """Stock of these."""
    return Stock(
        len(operations),
        max((_seconds(one.created_at, now) for one in operations), default=0.0),
        max((_seconds(one.deadline, now) for one in operations), default=0.0),
        tuple(_running(model, price) for model in models if model.tasks),
    )


def _running(model: Model, price: Callable[[Spec, int], float | None]) -> Running:
    copies = len(model.tasks)
    return Running(model.model_id, copies, copies * gpus_of(model.spec), price(model.spec, copies))


def _seconds(since: str, now: str) -> float:
    return max(0.0, seconds_between(since, now))
