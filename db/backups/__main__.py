"""`python -m db.backups hourly|daily|drill`: one work in a process of its own, as it may take hours. It ends with who started it."""

import argparse
import logging
import os
import sys
import threading
import time

import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from core import log, settings
from db.backups import BackupError, sending, work
from db.backups.dumping import KINDS

DRILL = "drill"
#: What takes longer is stuck: the next look begins anew.
_LIMIT_SECONDS = 12 * 3600
_LOOK_SECONDS = 0.5
#: The database and the drains come first.
_NICE = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m db.backups")
    parser.add_argument("work", choices=[*KINDS, DRILL])
    parser.add_argument("--parent", type=int, default=os.getppid(), help="ends when this process is no longer its parent")
    given = parser.parse_args()
    knobs = settings.load()
    log.configure(knobs.log_level, knobs.log_format)
    os.nice(_NICE)
    threading.Thread(target=_end_with, args=(given.parent,), daemon=True).start()
    try:
        if given.work == DRILL:
            work.drill(knobs)
        else:
            work.back_up(knobs, given.work, upload=sending.elsewhere(knobs))
    except (BackupError, psycopg2.Error, SQLAlchemyError, OSError) as exc:
        logging.getLogger(__name__).error("%s ended cause=%s", given.work, exc)
        return 1
    return 0


def _end_with(parent: int) -> None:
    """At once, in the middle of anything: what a killed run leaves is swept by the next one, and PostgreSQL's programs end with us."""
    until = time.monotonic() + _LIMIT_SECONDS
    while os.getppid() == parent and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    os._exit(75)


if __name__ == "__main__":
    sys.exit(main())
