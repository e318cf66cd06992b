"""`python -m ops.alerting`: watch the farm until SIGTERM. One process, without Celery; Redis and the database may be away."""

import logging
import os
import signal
import sys
import threading
import time

from core import log as logs
from core import pulse, settings
from core.settings import SettingsError
from ops.alerting.facts import Witnesses
from ops.alerting.watcher import Watcher

log = logging.getLogger("ops.alerting")

#: Between two looks it is seen so often what became of what was sent.
TURN_SECONDS = 1.0


def main() -> int:
    try:
        knobs = settings.load()
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    logs.configure(knobs.log_level, knobs.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    knobs.home.mkdir(parents=True, exist_ok=True)
    began = time.time()
    watcher = Watcher(knobs, Witnesses(knobs, knobs.home, began).asked(), began)
    log.info("The watcher looks. places=%s", len(watcher.places))
    while not stop.is_set():
        watcher.look(time.time())
        until = time.monotonic() + watcher.rules.look_seconds
        while (left := until - time.monotonic()) > 0 and not stop.wait(min(TURN_SECONDS, left)):
            watcher.turn(time.time())
            pulse.beat()
    watcher.close(time.time())
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    # A thread that hangs in a dead server must not hold up the end.
    os._exit(status)
