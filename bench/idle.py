"""idle_cpu: what a whole farm costs while its market is quiet."""

import time
from collections.abc import Mapping, Sequence

import psutil

from bench.children import cpu_seconds
from bench.farms import Farm, farm
from bench.figures import Bar, Figure
from bench.servers import Lab

BAR = Bar("idle_cpu", "% of a core", 5.0)
#: The first minutes of a farm are not quiet: instruments, candles and funding are fetched, and a first backup is made.
SETTLE_SECONDS = 150.0
SECONDS = 120.0
#: One event a second over 500 instruments: every stream is alive, and next to nothing comes.
RATE = "1"


def measure(lab: Lab, *, seconds: float = SECONDS, settle_seconds: float = SETTLE_SECONDS) -> list[Figure]:
    with farm(lab.say, "--rate", RATE) as running:
        time.sleep(settle_seconds)
        return [watched(running, seconds, settle_seconds)]


def watched(running: Farm, seconds: float, settle_seconds: float) -> Figure:
    shares = _shares(running, seconds)
    total = sum(shares.values())
    parts = ", ".join(f"{name} {share:.2f}" for name, share in sorted(shares.items(), key=lambda item: -item[1]))
    how = (
        f"a farm of `./farm up --rate {RATE}`, {seconds:g} s after {settle_seconds:g} s, CPU of all its processes with their children "
        f"from the kernel's accounts; the sandbox is the venue and left out: {parts}"
    )
    return BAR.figure(total, how)


def _shares(running: Farm, seconds: float) -> Mapping[str, float]:
    """Program -> percent of a core. What came and went in between is in its parent's account of waited-for children."""
    processes = running.processes()
    began, before = time.perf_counter(), {name: _spent(group) for name, group in processes.items()}
    time.sleep(seconds)
    now = running.processes()
    wall = time.perf_counter() - began
    return {name: 100 * (_spent(now.get(name, [])) - spent) / wall for name, spent in before.items()}


def _spent(group: Sequence[psutil.Process]) -> float:
    waited = sum(sum(process.cpu_times()[2:4]) for process in group if process.is_running())
    return cpu_seconds(group) + float(waited)
