"""Logging set-up, once for every process: one line an event, a constant sentence plus fields."""

import logging
import sys


def configure(level: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
