"""What several use cases of serving share, made of adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.ids import Ids
from serving.wiring import adapters

if TYPE_CHECKING:
    from serving.adapters.engines import EcsControl
    from serving.usecases.commanding import Commanding
    from serving.usecases.counting import Counting
    from serving.usecases.learning import Learner
    from serving.usecases.resumption import Resumption
    from serving.usecases.update_model import UpdateModel
    from serving.usecases.wish_checks import WishChecks


def commanding() -> Commanding:
    """How a command is carried out: read, decide, write once."""
    from serving.usecases.commanding import Commanding

    return Commanding(adapters.store(), adapters.CLOCK, Ids(adapters.CLOCK))


def counting(control: EcsControl) -> Counting:
    """How many copies a model's load asks for."""
    from serving.usecases.counting import Counting

    return Counting(adapters.store(), adapters.traffics(), control, adapters.CLOCK)


def rescheduling() -> UpdateModel:
    """Updates of a schedule alone: nothing that depends on models' files or on instances changes with it."""
    from serving.adapters.headroom import FargateHeadroom
    from serving.usecases.update_model import UpdateModel

    return UpdateModel(commanding(), shape_checks(), FargateHeadroom(), adapters.traffics())


def shape_checks() -> WishChecks:
    """Whether a wish is well-formed and its addresses may be called."""
    from serving.usecases.wish_checks import WishChecks

    store = adapters.store()
    return WishChecks(adapters.guard(), store.model, store.holder)


def checks() -> WishChecks:
    """The same, and whether an instance type can carry it."""
    from serving.usecases.feasible import Feasible
    from serving.usecases.wish_checks import WishChecks

    store = adapters.store()
    return WishChecks(adapters.guard(), store.model, store.holder, Feasible(adapters.artifacts(), adapters.instances()))


def learner(control: EcsControl | None = None) -> Learner:
    """Takes in what is told of a model, and resumes what waited for it."""
    from serving.usecases.learning import Learner

    return Learner(adapters.store(), resumption(control), adapters.CLOCK)


def resumption(control: EcsControl | None = None) -> Resumption:
    """Answers the tokens of machines that wait."""
    from serving.usecases.resumption import Resumption

    return Resumption(adapters.store(), adapters.machines(), control)
