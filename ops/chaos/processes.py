"""Faults of processes: killed, and stopped without being killed."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

import psutil

from ops.chaos.farm import Farm
from ops.chaos.fault import Fault

#: Programs as the supervisor names them; of each venue there is a streamer.
KINDS = ("streamer", "worker-writers", "worker-collectors", "worker-maintenance", "beat", "watcher", "redis", "postgres")
FROZEN_SECONDS = 60.0


@contextmanager
def _killed(farm: Farm, kind: str) -> Iterator[None]:
    farm.kill(kind)
    yield


@contextmanager
def _writing_child_killed(farm: Farm) -> Iterator[None]:
    """The process that drains, in the middle of its transaction; its parent makes another."""
    for child in farm.process("worker-writers").children():
        with suppress(psutil.NoSuchProcess):
            child.kill()
    yield


def _frozen(farm: Farm, kind: str) -> AbstractContextManager[None]:
    return farm.frozen(kind)


#: What a stopped process leaves undone, beside being named: by its restart, by what does not answer, or by what does not come.
_SILENT = {
    "streamer": "streamer|no data|gap",
    "worker-writers": "writers|no data|backlog|journal entries",
    "worker-collectors": "collectors|metadata|snapshots",
    "worker-maintenance": "maintenance|backfill",
    "beat": "beat|consumed",
    "watcher": "watcher",
    "redis": "redis",
    "postgres": "postgres|database|no answer",
}

FAULTS = [
    *(
        Fault(
            f"kill-{kind.removeprefix('worker-')}",
            f"{kind}: kill -9 of its main process",
            partial(_killed, kind=kind),
            f"restart {kind}",
            core=True,
            storm=True,
            rung=kind == "beat",
        )
        for kind in KINDS
    ),
    Fault(
        "kill-writing-child",
        "worker-writers: kill -9 of the processes that drain",
        _writing_child_killed,
        "log worker-writers",
        core=True,
        storm=True,
    ),
    *(
        Fault(
            f"stop-{kind.removeprefix('worker-')}",
            f"{kind}: SIGSTOP of all its processes",
            partial(_frozen, kind=kind),
            told,
            FROZEN_SECONDS,
            storm=True,
        )
        for kind, told in _SILENT.items()
    ),
]
