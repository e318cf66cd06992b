"""The raw archive: journal entries older than a minute to FARM_DATA/raw, before the journal is trimmed; closed files to other storage.

The files say how far they are. What is told to Redis (for trimming) and to the database (for retention and alerts) comes after them.
"""

import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from core.archive import ArchiveError
from core.held import Held
from core.journal import StreamName
from core.redisdb import OutOfMemory, RedisError
from db import archive as told
from db import engine, queries
from db.archive import Archived
from tasks import app, lifecycle, resources, uploading
from tasks.archiving import Channel, folder_of

log = logging.getLogger(__name__)

#: What is younger is left to the drains alone.
AGE_MS = 60_000
#: A run ends after so long and the next ring goes on: the queue is shared.
TURN_SECONDS = 10.0


@app.task
def write() -> dict[str, Any]:
    """Take what is due, a block of each channel in turn. Result: blocks written, and why it ended."""
    settings = resources.config()
    if not settings.archives:
        return {"blocks": 0, "ended": "off"}
    root = settings.data / "raw"
    with alone(root, "write") as ours:
        if not ours:
            return {"blocks": 0, "ended": "another is at it"}
        run = Run(root, Held(resources.journal().client, settings.key_prefix), settings.archive_min_free_bytes)
        try:
            run.work(time.monotonic() + TURN_SECONDS)
        except RedisError as exc:
            run.trouble = f"waiting: {exc}"[:300]
    _tell(run)
    return {"blocks": run.blocks, "ended": run.trouble or "turn over"}


@app.task
def upload() -> dict[str, Any]:
    """Take closed files to other storage, a part at a time. Result: files that were proven to be there, and why it ended."""
    settings = resources.config()
    if not settings.s3_endpoint_url:
        return {"files": 0, "ended": "no storage"}
    with alone(settings.data / "raw", "upload") as ours:
        if not ours:
            return {"files": 0, "ended": "another is at it"}
        done, trouble = uploading.work(settings, time.monotonic() + TURN_SECONDS)
        waiting = uploading.waiting(settings.data / "raw")
    fact = {"trouble": trouble, "files": len(waiting), "oldest": waiting[0].closed_at if waiting else None}
    with suppress(*engine.UNREACHABLE):
        queries.run(settings.database_url, "record_fact", key="archive:upload", value=json.dumps(fact))
    return {"files": done, "ended": trouble or "turn over"}


@contextmanager
def alone(root: Path, name: str) -> Iterator[bool]:
    """A lock that dies with its holder, however it dies."""
    root.mkdir(parents=True, exist_ok=True)
    handle = os.open(root / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno != errno.EWOULDBLOCK:
                raise
            yield False
        else:
            yield True
    finally:
        os.close(handle)


class Run:
    """One turn over all channels. It begins with what the files say, whoever wrote them."""

    def __init__(self, root: Path, held: Held, min_free_bytes: int, age_ms: int = AGE_MS) -> None:
        self._root, self._held, self._min_free_bytes = root, held, min_free_bytes
        self._now_ms = held.now_ms()
        self._upto_ms = self._now_ms - age_ms
        self.archived: list[Archived] = []
        self.blocks, self.trouble = 0, ""

    def work(self, until: float) -> None:
        """To the moment (monotonic seconds) or until nothing is due. Raises RedisError."""
        by_channel = {key: list(streams) for key, streams in groupby(self._held.streams(), key=lambda stream: stream[:2])}
        waiting = {key: channel for key in by_channel if (channel := self._opened(*key)) is not None}
        while waiting and time.monotonic() < until and not lifecycle.ending():
            for key, channel in list(waiting.items()):
                if not self._step(channel, by_channel[key]):
                    del waiting[key]
                if time.monotonic() > until or lifecycle.ending():
                    break

    def _opened(self, venue: str, channel: str) -> Channel | None:
        try:
            return Channel(folder_of(self._root, venue, channel), self._min_free_bytes)
        except (OSError, ArchiveError) as exc:
            self._complain(f"{venue}:{channel}", exc)
            return None

    def _step(self, channel: Channel, streams: list[StreamName]) -> bool:
        """A block of one channel; false when nothing of it is due, or it cannot be written."""
        try:
            due = channel.waiting(self._held, streams, self._now_ms, self._upto_ms)
            if not due:
                channel.close_before(self._upto_ms)
            else:
                channel.take(self._held, due)
                self.blocks += 1
        except (OSError, ArchiveError) as exc:
            self._complain(str(channel.folder), exc)
            return False
        archived = {stream: channel.known[stream].last_id for stream in channel.there}
        try:
            self._held.tell(archived)
        except OutOfMemory:
            log.warning("redis is out of memory and is not told how far the archive is")
        now = {**dict.fromkeys(channel.there, self._upto_ms), **{stream: one.first_ms for stream, one in due.items()}}
        self.archived = [one for one in self.archived if one.stream not in set(map(str, now))] + [
            Archived(str(stream), archived[stream], to_ms * 1000, channel.known[stream].missed) for stream, to_ms in now.items()
        ]
        return bool(due)

    def _complain(self, what: str, exc: Exception) -> None:
        log.error("the archive cannot take a channel channel=%s cause=%s", what, exc)
        self.trouble = f"{what}: {exc}"[:300]


def _tell(run: Run) -> None:
    """A database that is away is told by the next run."""
    url = resources.config().database_url
    try:
        with engine.kept(url, name="tapefarm archive") as connection, connection, connection.cursor() as cursor:
            if run.archived:
                told.tell(cursor, run.archived)
        queries.run(url, "record_fact", key="archive:write", value=json.dumps({"trouble": run.trouble}))
    except engine.UNREACHABLE as exc:
        log.warning("the database was not told how far the archive is cause=%s", exc)
