"""The matrix's rows, in order."""

from tests.fabric.matrix import targets
from tests.fabric.matrix.api import API
from tests.fabric.matrix.bus import BUS
from tests.fabric.matrix.engines import ENGINES
from tests.fabric.matrix.machines import MACHINES
from tests.fabric.matrix.publisher import PUBLISHER
from tests.fabric.matrix.queues import QUEUES
from tests.fabric.matrix.reload import RELOAD
from tests.fabric.matrix.revocation import REVOCATION
from tests.fabric.matrix.tokens import TOKENS

HOPS = (API, PUBLISHER, BUS, QUEUES, ENGINES, MACHINES, TOKENS, RELOAD, REVOCATION)
MORE = (targets,)
"""Modules with more cells of a row, which they put there when they are imported."""
