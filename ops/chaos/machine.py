"""Faults of the machine's clock, for all programs of ours that tell the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from ops.chaos.farm import Farm
from ops.chaos.fault import Fault
from ops.chaos.recovery import committed_since

HOUR_SECONDS = 3600
START_SECONDS = 60.0
POLL_SECONDS = 0.25
KINDS = ("streamer", "worker", "beat")


@contextmanager
def _stepped(farm: Farm, seconds: int) -> Iterator[None]:
    names = [name for kind in KINDS for name in farm.programs(kind)]
    with farm.clock.ours(names, partial(_await_rows, farm)), farm.clock.stepped(seconds):
        yield


def _await_rows(farm: Farm) -> None:
    """Programs that are starting have not looked at a clock yet."""
    began, moment = time.monotonic(), datetime.now(UTC)
    while not committed_since(farm, moment) and time.monotonic() - began < START_SECONDS:
        time.sleep(POLL_SECONDS)


def _lacks_clock(farm: Farm) -> str:
    return farm.clock.lacking


FAULTS = [
    Fault(
        "clock-an-hour-on",
        "streamers, workers, beat: +1 h, and back",
        partial(_stepped, seconds=HOUR_SECONDS),
        "",
        30.0,
        lacks=_lacks_clock,
        rung=True,
    ),
    Fault(
        "clock-an-hour-back",
        "streamers, workers, beat: -1 h, and forth",
        partial(_stepped, seconds=-HOUR_SECONDS),
        "",
        30.0,
        lacks=_lacks_clock,
        rung=True,
    ),
]
