"""Faults of Celery's messages and of the schedule: all of them may repeat or vanish, as every task derives its work anew."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.settings import ROOT
from ops.chaos.farm import Farm
from ops.chaos.fault import Fault
from ops.cli.errors import Refused
from ops.local.launch import bound_argv

#: So long workers stand still that messages wait in their queues, to be repeated or taken away.
GATHER_SECONDS = 8.0
#: A schedule that has just been started anew may take longer to send the first one.
MOST_GATHER_SECONDS = 30.0
STOP_SECONDS = 10.0
WORKERS = ("worker-writers", "worker-collectors", "worker-maintenance")


def _waiting(farm: Farm) -> dict[bytes, list[bytes]]:
    """queue -> its messages; the keys are kombu's own, below ours."""
    redis = farm.redis()
    keys = [key for key in redis.scan_iter(f"{farm.knobs.key_prefix}:celery:*", count=1000) if redis.type(key) == b"list"]
    return {key: redis.lrange(key, 0, -1) for key in keys}


@contextmanager
def _gathered(farm: Farm) -> Iterator[dict[bytes, list[bytes]]]:
    with farm.frozen(WORKERS[0]), farm.frozen(WORKERS[1]), farm.frozen(WORKERS[2]):
        until = time.monotonic() + MOST_GATHER_SECONDS
        time.sleep(GATHER_SECONDS)
        while not (waiting := _waiting(farm)) and time.monotonic() < until:
            time.sleep(0.5)
        if not waiting:
            raise Refused(f"the schedule has sent no message within {MOST_GATHER_SECONDS:.0f} s")
        yield waiting


@contextmanager
def _messages_twice(farm: Farm) -> Iterator[None]:
    with _gathered(farm) as waiting:
        for queue, messages in waiting.items():
            farm.redis().rpush(queue, *messages)
    yield


@contextmanager
def _messages_lost(farm: Farm) -> Iterator[None]:
    with _gathered(farm) as waiting:
        farm.redis().delete(*waiting)
    yield


@contextmanager
def _two_beats(farm: Farm) -> Iterator[None]:
    schedule = farm.home / "second-beat"
    argv = [sys.executable, "-m", "celery", "-A", "tasks", "beat", "--schedule", str(schedule), "--pidfile", ""]
    with (farm.home / "logs" / "second-beat.log").open("ab") as log:
        second = subprocess.Popen(
            bound_argv(argv, death_signal="KILL"), cwd=ROOT, env=farm.environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        second.terminate()
        try:
            second.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            second.kill()
            second.wait()


FAULTS = [
    Fault("two-beats", "the schedule rings from two processes at once", _two_beats, "", 30.0, storm=True, rung=True),
    Fault("messages-twice", "Celery: every message that waits is there a second time", _messages_twice, ""),
    Fault("messages-lost", "Celery: every message that waits is gone", _messages_lost, ""),
]
