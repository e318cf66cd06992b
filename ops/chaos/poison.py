"""Frames that nobody can read: each is kept whole or costs a counted gap, and no neighbour is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ops.chaos.farm import Farm
from ops.chaos.fault import Fault
from venues import VENUES

HUGE_MEGABYTES = 50


@contextmanager
def _struck(farm: Farm, kind: str, *, by_channel: bool = True, count: int = 5, **fields: object) -> Iterator[None]:
    chosen = [{"channel": channel} for channel in _channels(farm)] if by_channel else [{}]
    for one in chosen:
        farm.sandbox.inflict(kind, count=count, **one, **fields)
    yield


def _channels(farm: Farm) -> list[str]:
    wanted = farm.knobs.collect[farm.venue].channels
    return [channel.name for channel in VENUES[farm.venue].channels if wanted is None or channel.name in wanted]


FAULTS = [
    Fault("torn-frames", "frames that end in the middle", partial(_struck, kind="torn"), "quarantine", core=True, storm=True),
    Fault("torn-utf8", "frames that end within a character", partial(_struck, kind="torn_utf8"), "quarantine|gap", core=True, storm=True),
    Fault("wrong-types", "values no reader may accept", partial(_struck, kind="corrupt"), "quarantine", core=True, storm=True),
    Fault(
        "unknown-events",
        "events that no document names",
        partial(_struck, kind="unknown", by_channel=False),
        "quarantine",
        core=True,
        storm=True,
    ),
    Fault(
        "huge-frame",
        "a frame larger than any that is taken",
        partial(_struck, kind="huge", by_channel=False, count=1, megabytes=HUGE_MEGABYTES),
        "quarantine|gap",
        core=True,
    ),
]
