"""What a router writes into the spend table, by its own code."""

from typing import Any

from botocore import xform_name

from contracts.spending import Account, crossings, window_of
from router.limits.facts import told
from router.limits.purse import Purse
from router.limits.spend_table import Row, SpendTable
from tests.fabric.aws.dynamodb import DynamoDb
from tests.fabric.intrinsics import name_of

_OPERATIONS = {xform_name(operation): operation for operation in ("GetItem", "PutItem", "TransactWriteItems")}


def spend(tables: DynamoDb, moment: float, *, group: str, tokens: int, budget: int) -> None:
    """Let a router have used so many tokens of a group's day, and have given back its lease; what that crosses is recorded with it."""
    limit = (None, budget, None)
    purse = Purse("group", group, window_of("day", moment), limit, name="router-1.1", routers=1)
    account, crossed = crossings(Account(closed=(0, tokens, 0)), limit)
    facts = [told(purse, each, environment="test", router_id="router-1") for each in crossed]
    table = SpendTable(_Direct(tables), name_of("AccessSpendTable"))
    table.write(purse.pk, purse.window.sk, Row(account, 0), None, facts)


class _Direct:
    """A client of tables that are here."""

    def __init__(self, tables: DynamoDb) -> None:
        self._tables = tables

    def __getattr__(self, name: str) -> Any:
        return lambda **given: self._tables.call(_OPERATIONS[name], given)
