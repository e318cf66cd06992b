"""Faults of the way between the streamers and the venue."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from ops.chaos.farm import Farm
from ops.chaos.fault import Fault

#: A fraction of what the venue sends at the rate of a full run: its buffers fill, and it cuts the reader off.
SLOW_BYTES_PER_SECOND = 200_000
_DEAF = "gap (disconnected|frozen)|no data"


@contextmanager
def _once(farm: Farm, order: str) -> Iterator[None]:
    farm.proxy.order(order)
    yield


def _meanwhile(farm: Farm, *words: object) -> AbstractContextManager[None]:
    return farm.proxy.ordered(*words)


def _at_venue(farm: Farm, kind: str) -> AbstractContextManager[None]:
    return farm.sandbox.lasting(kind)


FAULTS = [
    Fault("connection-reset", "sockets: TCP reset of every connection", partial(_once, order="reset"), _DEAF, core=True, storm=True),
    Fault(
        "half-open-socket",
        "sockets: the venue's side is gone, ours hears nothing of it",
        partial(_once, order="half-open"),
        _DEAF,
        storm=True,
    ),
    Fault("deaf-venue", "sockets: the venue reads, answers and sends nothing", lambda farm: _at_venue(farm, "half_open"), _DEAF, 30.0),
    Fault("black-hole", "sockets: no byte gets through, handshakes hang", lambda farm: _meanwhile(farm, "hole"), _DEAF, 60.0, storm=True),
    Fault(
        "slow-reader",
        "sockets: the venue's bytes are read far slower than they come",
        lambda farm: _meanwhile(farm, "slow", SLOW_BYTES_PER_SECOND),
        "",  # what comes late is not lost; a connection that stays slow for minutes is replaced (tasks/drift.py)
        60.0,
        patience_seconds=300,
    ),
]
