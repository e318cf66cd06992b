"""python -m tasks.exporter PID: export what wants it, and end; or end at once with the process of that number, which has started it."""

import logging
import os
import sys
import threading
import time
from datetime import UTC, date, datetime

from core import log as logs
from core import settings
from db import arrow, engine
from db.parquet import turn, wanted

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


def main(parent: int) -> int:
    knobs = settings.load()
    logs.configure(knobs.log_level, knobs.log_format)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    url, folder = knobs.database_url, knobs.data / "parquet"
    failed = 0
    try:
        with turn.alone(folder):
            days = wanted.closed(url, date.min, datetime.now(UTC).date())
            for step in turn.go(url, folder, days):
                failed += step.outcome is None
                what, rows = (step.outcome.what, step.outcome.rows) if step.outcome else ("failed", 0)
                one = step.one
                log.info("a day was looked after dataset=%s venue=%s day=%s what=%s rows=%d", one.dataset, one.venue, one.day, what, rows)
    except turn.Busy:
        log.info("another one exports into the folder folder=%s", folder)
    except (*engine.UNREACHABLE, arrow.FAILED, OSError) as exc:
        log.warning("the export ends here and goes on at the next ring cause=%s", exc)
        return 1
    return int(failed > 0)


def _end_with(parent: int) -> None:
    """What is half done is put right by the next one."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
