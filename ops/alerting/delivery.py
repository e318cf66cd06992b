"""Sends one notice to places that URLs name, through Apprise. `python -m ops.alerting.delivery` does so for the watcher, as a process that
can be ended: the notice comes by stdin, the URLs by ALERT_URLS, what failed goes out by stdout. No URL is ever told.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import apprise

from core.settings import SettingsError
from ops.alerting.notices import Notice
from ops.alerting.places import hidden, places

_KINDS = {
    "over": apprise.NotifyType.SUCCESS,
    "info": apprise.NotifyType.INFO,
    "warning": apprise.NotifyType.WARNING,
    "critical": apprise.NotifyType.FAILURE,
}
_WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Result:
    """`why` is empty when the place took the notice."""

    place: str
    why: str


def check(urls: str) -> None:
    """Raises SettingsError by a URL's number, as the URL holds passwords."""
    _places(urls)


def _places(urls: str) -> list[tuple[str, apprise.NotifyBase]]:
    found = []
    with _told():
        for number, (name, url) in enumerate(places(urls).items(), start=1):
            place = apprise.Apprise.instantiate(url, suppress_exceptions=True)
            if not isinstance(place, apprise.NotifyBase):
                raise SettingsError(
                    f"ALERT_URLS: the URL number {number} is none that Apprise can send to; its wiki lists what can be given"
                )
            if not place.verify_certificate:
                raise SettingsError(f"ALERT_URLS: the URL number {number} turns the check of certificates off: leave verify=no out")
            found.append((name, place))
    return found


def send(urls: str, notice: Notice, only: Sequence[str] | None = None) -> list[Result]:
    """To all places, or to those of these names. Raises SettingsError."""
    return [_sent(name, place, notice, urls) for name, place in _places(urls) if only is None or name in only]


def _sent(name: str, place: apprise.NotifyBase, notice: Notice, urls: str) -> Result:
    to = apprise.Apprise()
    to.add(place)
    with _told() as said:
        taken = to.notify(title=notice.title, body=notice.body, notify_type=_KINDS[notice.severity], body_format=apprise.NotifyFormat.TEXT)
    return Result(name, "" if taken else hidden(_why(said), urls)[:_WHY_CHARACTERS])


def _why(said: Sequence[logging.LogRecord]) -> str:
    """The last complaint, and what the system said, which Apprise tells to developers only."""
    complaints = [record.getMessage().strip() for record in said if record.levelno >= logging.WARNING]
    causes = [record.getMessage().strip() for record in said if "Exception:" in record.getMessage()]
    return " ".join([*complaints[-1:], *causes[-1:]]) or "it was not taken, and nothing says why"


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _told() -> Iterator[list[logging.LogRecord]]:
    """What Apprise says goes here and nowhere else, as it may name parts of a URL."""
    logger, kept = logging.getLogger("apprise"), _Kept()
    before = logger.propagate, logger.level
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(kept)
    try:
        yield kept.records
    finally:
        logger.removeHandler(kept)
        logger.propagate, level = before
        logger.setLevel(level)


def main() -> int:
    asked = json.load(sys.stdin)
    try:
        results = send(os.environ.get("ALERT_URLS", ""), Notice(**asked["notice"]), asked["places"])
    except SettingsError as exc:
        results = [Result(place, str(exc)) for place in asked["places"]]
    json.dump([asdict(result) for result in results], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
