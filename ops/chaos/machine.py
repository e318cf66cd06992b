"""Faults of the machine's clock, for all programs of ours that tell the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ops.chaos.farm import Farm
from ops.chaos.fault import Fault

HOUR_SECONDS = 3600
KINDS = ("streamer", "worker", "beat")


@contextmanager
def _stepped(farm: Farm, seconds: int) -> Iterator[None]:
    names = [name for kind in KINDS for name in farm.programs(kind)]
    with farm.clock.ours(names), farm.clock.stepped(seconds):
        yield


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
    ),
    Fault(
        "clock-an-hour-back",
        "streamers, workers, beat: -1 h, and forth",
        partial(_stepped, seconds=-HOUR_SECONDS),
        "",
        30.0,
        lacks=_lacks_clock,
    ),
]
