"""The matrix's rows, in order."""

from tests.fabric.matrix.api import API
from tests.fabric.matrix.bus import BUS
from tests.fabric.matrix.engines import ENGINES
from tests.fabric.matrix.publisher import PUBLISHER
from tests.fabric.matrix.queues import QUEUES

HOPS = (API, PUBLISHER, BUS, QUEUES, ENGINES)
