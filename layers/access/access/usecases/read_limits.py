"""What a token, a group or a model may use, and what is left of it."""

from datetime import UTC, datetime

from access.ports import LimitTable, SpendReader
from access.usecases._limits import key_of, not_found
from contracts.limits import Budget, BudgetState, LimitsState, SubjectLimits
from contracts.spending import UNITS, Account, Window, dollars, expire, window_of
from kit.caller import Caller
from kit.clock import Clock, iso


class ReadLimits:
    """Answers the limits with the state of every budget."""

    def __init__(self, table: LimitTable, spending: SpendReader, clock: Clock) -> None:
        self._table, self._spending, self._clock = table, spending, clock

    def __call__(self, kind: str, subject_id: str, caller: Caller) -> LimitsState:
        """Read them; `NotFound`."""
        limits = self._table.find_limits(key_of(caller, kind, subject_id))
        if limits is None:
            raise not_found()
        now = self._clock.now().timestamp()
        windows = {budget.period: window_of(budget.period, now) for budget in limits.budgets}
        accounts = {period: expire(self._account(limits, window), int(now)) for period, window in windows.items()}
        periods = [_state(budget, windows[budget.period], accounts[budget.period]) for budget in limits.budgets]
        return LimitsState(**limits.model_dump(), periods=periods)

    def _account(self, limits: SubjectLimits, window: Window) -> Account:
        return self._spending.account(limits.kind, limits.subject_id, window)


def _state(budget: Budget, window: Window, account: Account) -> BudgetState:
    place = UNITS.index(budget.unit)
    spent, reserved = account.spent[place], account.reserved[place]
    shown = dollars if budget.unit == "usd" else float
    return BudgetState(
        period=budget.period,
        unit=budget.unit,
        starts_at=_moment(window.starts),
        ends_at=_moment(window.ends),
        budget=shown(budget.amount),
        spent=shown(spent),
        reserved=shown(reserved),
        left=shown(max(0, budget.amount - spent - reserved)),
    )


def _moment(seconds: int) -> str:
    return iso(datetime.fromtimestamp(seconds, UTC))
