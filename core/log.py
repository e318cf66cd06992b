"""Logging set-up, once for every process: one line an event, a constant sentence plus fields."""

import logging
import sys

#: They tell every message and every tick of the schedule at INFO; what a task came to is told once, by celery.app.trace.
CHATTY = ("celery.worker.strategy", "celery.beat", "celery.worker.job", "picows", "kombu.transport.redis")


def configure(level: str) -> None:
    """`level`: DEBUG, INFO, WARNING or ERROR."""
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    if level != "DEBUG":
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
