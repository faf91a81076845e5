"""Warm before the first request."""

import asyncio
import io
import json
from contextlib import AsyncExitStack

import pytest

from router import warming
from router.log import Log
from router.routes import RouteTable
from router.upstream import EngineClient
from router.warming import warmed
from tests.unit.router.fakes import route, target
from tests.unit.router.limiting import Clock, SpendRows, Station, Stuck, limited


class Door(asyncio.Protocol):
    """Lets a router in."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.transports: list[asyncio.BaseTransport] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transports.append(transport)
        self.came.set()

    def close(self) -> None:
        """Let everybody go."""
        for transport in self.transports:
            transport.close()


def test_a_new_process_has_its_tables_and_a_connection_to_each_engine_before_it_is_ready() -> None:
    """It waits for what answers need, then knocks at every ready engine once; one that is not there keeps nobody waiting."""
    out = io.BytesIO()

    async def never() -> bool:
        return False

    async def work() -> int:
        door, loop = Door(), asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            server = await loop.create_server(lambda: door, "127.0.0.1", 0)
            gone = await loop.create_server(lambda: door, "127.0.0.1", 0)
            here, nowhere = (each.sockets[0].getsockname()[1] for each in (server, gone))
            gone.close()
            stack.callback(server.close)
            stack.callback(door.close)
            engines = await stack.enter_async_context(EngineClient("key", 60.0))
            routes, filled = RouteTable(), False
            warms = asyncio.create_task(warmed(lambda: filled, engines, routes, never, Log(out)))
            await asyncio.sleep(0)
            assert not warms.done()
            places = (("a", here, "ready"), ("b", nowhere, "ready"), ("c", here, "probing"))
            rows = [target(name, address="127.0.0.1", port=port, status=status) for name, port, status in places]
            key, _, prepared = routes.parse(route(targets=rows))
            routes.apply({key: prepared}, ())
            filled = True
            await warms
            await door.came.wait()
            return len(engines._idle[f"http://127.0.0.1:{here}"])

    assert asyncio.run(work()) == 1
    told = json.loads(out.getvalue())
    assert (told["message"], told["engines"], told["connected"]) == ("ready", 2, 1)


@pytest.mark.parametrize("spend", ["here", "away", "silent"])
def test_the_spend_table_is_read_once_before_a_process_is_ready(spend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lease finds a connection. A table that is away, or says nothing, keeps no router from being ready, and nobody's lease is
    refused for it: the table is asked when somebody needs one."""
    monkeypatch.setattr(warming, "_CONNECT_SECONDS", 0.05)
    out, table = io.BytesIO(), SpendRows()
    table.trouble = lambda _operation: "away" if spend == "away" else ""
    station = Station(table, Clock(), executor=Stuck() if spend == "silent" else None)

    async def work() -> None:
        async with EngineClient("key", 60.0) as engines:
            await warmed(lambda: True, engines, RouteTable(), station.lender.warm, Log(out))
        assert table.reads == (spend != "silent")
        if spend == "away":
            table.trouble = lambda _operation: ""
            station.follow(limited(budgets=[{"period": "day", "tokens": 1000}]))
            await station.admit()

    asyncio.run(work())
    told = json.loads(out.getvalue())
    assert (told["message"], told["leases"]) == ("ready", spend == "here")
