"""Logging set-up, once for every process: one line an event, a constant sentence plus fields, as text or as JSON.

A call gives both in one template, the fields last: `log.info("slot opened stream=%s instruments=%d", stream, count)`.
"""

import json
import logging
import math
import re
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

TEXT, JSON = "text", "json"
#: They tell every message and every tick of the schedule at INFO; what a task came to is told once, by celery.app.trace.
CHATTY = ("celery.worker.strategy", "celery.beat", "celery.worker.job", "picows", "kombu.transport.redis")

_CONVERSION = r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]"
_FIELD = rf"(\w+)={_CONVERSION}"
_FIELDS = re.compile(rf"(?:\s+{_FIELD})+$")


def configure(level: str, form: str = TEXT) -> None:
    """`level`: DEBUG, INFO, WARNING or ERROR; `form`: text or json, in which what nobody has caught is an event of one line too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if form == JSON else Text("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    if form == JSON:
        logging.captureWarnings(True)
        sys.excepthook = lambda *what: logging.getLogger("python").critical("nobody has caught an error", exc_info=what)
        threading.excepthook = _uncaught_in_thread


class Text(logging.Formatter):
    """For the eye. What a venue has said cannot begin a line: the lines behind the first are those of a traceback, indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the standard library's name
        return _one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # likewise
        return super().formatException(ei).replace("\n", "\n    ")


class Lines(logging.Formatter):
    """For machines: an object a line with time (UTC), level, logger and event, the sentence; then its fields, which never take those names."""

    def format(self, record: logging.LogRecord) -> str:
        event, fields = parts(record)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        found: dict[str, Any] = {"time": f"{at}.{int(record.created % 1 * 1e6):06}Z", "level": record.levelname, "logger": record.name}
        found["event"] = event
        for name, value in fields.items():
            found[f"{name}_" if name in found or name == "traceback" else name] = _plain(value)
        if record.exc_info and record.exc_info[0] is not None:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)


def parts(record: logging.LogRecord) -> tuple[str, Mapping[str, Any]]:
    """(sentence, field -> value) of an event. Where others log without fields the sentence is all they say; a mapping of theirs is
    fields besides."""
    given = record.args
    if isinstance(given, Mapping):
        return record.getMessage(), {str(name): value for name, value in given.items()}
    template = str(record.msg)
    told = _FIELDS.search(template) if given else None
    if given is None or told is None or conversions(template) != len(given):
        return record.getMessage(), {}
    names = re.findall(_FIELD, told[0])
    sentence, before = template[: told.start()], given[: len(given) - len(names)]
    return sentence % before if before else sentence.replace("%%", "%"), dict(zip(names, given[len(before) :], strict=True))


def conversions(template: str) -> int:
    """Values that it wants."""
    return sum(found != "%%" for found in re.findall(rf"%%|{_CONVERSION}", template))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n") if "\n" in text or "\r" in text else text


def _uncaught_in_thread(what: Any) -> None:
    if what.exc_type is not SystemExit:
        logging.getLogger("python").critical("nobody has caught an error", exc_info=(what.exc_type, what.exc_value, what.exc_traceback))
