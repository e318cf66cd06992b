"""python -m bench.drain_child ROWS SECONDS: one drain, as a worker runs it but without Celery, until so many rows are committed.

Says {"ready": …} when it is about to read, and then what it did, as lines of JSON.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from core import counts
from tasks import lifecycle, resources
from tasks.drain import Drain, Turn
from tasks.lag import Lag


class Tally(Lag):
    """Told after each commit: keeps when the last one was, and ends the turn with the last row."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._left = wanted
        self.first_us = self.last_us = 0

    def add(self, stream: str, committed_us: int, received: Sequence[Any], rows: int) -> None:
        super().add(stream, committed_us, received, rows)
        self.first_us = self.first_us or committed_us
        self.last_us = committed_us
        self._left -= rows
        if self._left <= 0:
            lifecycle.announce_shutdown()


def main() -> int:
    wanted, seconds = int(sys.argv[1]), float(sys.argv[2])
    tally, turn = Tally(wanted), Turn(0)
    counts.begin(resources.config().metrics, "worker-writers")
    with closing(Drain(resources.config(), resources.journal(), resources.board(), turn, tally)) as drain:
        drain.open()
        print(json.dumps({"ready": True}), flush=True)
        began_us, cpu = time.time_ns() // 1000, time.process_time()
        drain.run(time.monotonic() + seconds)
        cpu = time.process_time() - cpu
    done = {"rows": turn.rows, "batches": turn.batches, "quarantined": turn.quarantined, "cpu_seconds": cpu}
    print(json.dumps({**done, "began_us": began_us, "first_us": tally.first_us, "last_us": tally.last_us}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
