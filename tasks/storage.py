"""Keeping what was recorded: chunks and compression as farm.toml says, and dropping what has had its time, never what is still needed."""

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from db import archive, engine, rollups, storage
from db.storage import Guard
from tasks import app, lifecycle, machine, resources

log = logging.getLogger(__name__)

#: A run goes on so long; what is left waits for the next one.
RUN_SECONDS = 30.0
#: What farm.toml says is read each time; whether the server still has it, which is a look at all its catalogues, so seldom.
APPLIED_SECONDS = 600.0
_applied: dict[str, tuple[object, float]] = {}
_archived: Guard = storage.received_before(archive.archived_until)
#: What has to be done with rows before they may be dropped. A guard that stands in the database and not here holds everything back.
GUARDS: Mapping[str, Guard] = {
    "archived": lambda cursor, chunk: _archived(cursor, chunk) if resources.config().archives else chunk.until,
    "rolled up": lambda cursor, _: rollups.rolled_until(cursor),
}


@app.task
def apply() -> dict[str, Any]:
    """Keep every table as farm.toml says at this moment. Result: tables for which that was new."""
    kept, url = resources.config_now().kept, resources.config().database_url
    known, since = _applied.get(url, (None, 0.0))
    if known == kept and time.monotonic() - since < APPLIED_SECONDS:
        return {"changed": []}
    with engine.kept(url, name="tapefarm storage") as connection:
        changed = [table for table, how in kept.items() if storage.apply(connection, table, how)]
    _applied[url] = (kept, time.monotonic())
    if changed:
        log.info("tables are kept in another way now tables=%s", ",".join(changed))
    return {"changed": changed}


@app.task
def drop() -> dict[str, Any]:
    """Drop chunks whose time has passed, each in a transaction of its own, a table's oldest first. Result: how many, and by which guards
    tables are held back."""
    until, dropped, held = time.monotonic() + RUN_SECONDS, 0, dict[str, list[str]]()
    with closing(engine.connect(resources.config().database_url, name="tapefarm storage")) as connection:
        for chunk in storage.expired(connection):
            if time.monotonic() > until or lifecycle.ending():
                break
            if chunk.table in held:
                continue
            if holding := storage.drop(connection, chunk, GUARDS):
                held[chunk.table] = holding
                continue
            dropped += 1
            log.info("a chunk was dropped table=%s since=%s until=%s", chunk.table, chunk.since.isoformat(), chunk.until.isoformat())
    return {"dropped": dropped, "held": held}


@app.task
def measure() -> dict[str, Any]:
    """Write down how large everything is: forecasts are made of it."""
    disks = machine.disks(resources.config())
    with closing(engine.connect(resources.config().database_url, name="tapefarm storage")) as connection:
        storage.measure(connection, disks)
    return {"disks": len(disks)}
