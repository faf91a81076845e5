"""Warm before the first request."""

import asyncio
import io
import json
from contextlib import AsyncExitStack

from router.log import Log
from router.routes import RouteTable
from router.upstream import EngineClient
from router.warming import warmed
from tests.unit.router.fakes import route, target


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
            warming = asyncio.create_task(warmed(lambda: filled, engines, routes, Log(out)))
            await asyncio.sleep(0)
            assert not warming.done()
            places = (("a", here, "ready"), ("b", nowhere, "ready"), ("c", here, "probing"))
            rows = [target(name, address="127.0.0.1", port=port, status=status) for name, port, status in places]
            key, _, prepared = routes.parse(route(targets=rows))
            routes.apply({key: prepared}, ())
            filled = True
            await warming
            await door.came.wait()
            return len(engines._idle[f"http://127.0.0.1:{here}"])

    assert asyncio.run(work()) == 1
    told = json.loads(out.getvalue())
    assert (told["message"], told["engines"], told["connected"]) == ("ready", 2, 1)
