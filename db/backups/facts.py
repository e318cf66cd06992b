"""What the farm knows of its backups, as facts `backup:hourly`, `backup:daily`, `backup:proof` and `backup:copy`: the newest good
ones, and what failed.

The folder is the witness of what is there: a run that was killed before it could tell is told of by the next look.
"""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core.settings import Settings
from db import queries
from db.backups import folder
from db.backups.folder import Backup
from db.backups.times import COPY, DAILY, HOURLY, PROOF, State

log = logging.getLogger(__name__)

_FIELDS = set(State.__dataclass_fields__)
#: What a backup of a kind stands for too.
_COVERS = {HOURLY: (HOURLY, DAILY), DAILY: (DAILY,), COPY: (HOURLY, DAILY)}


def wanted(knobs: Settings) -> list[str]:
    """What there is to be of backups; with none, there is nothing to prove, and nothing to copy."""
    kinds = [kind for kind, keep in keeping(knobs).items() if keep]
    return [*kinds, PROOF, *([COPY] if knobs.s3_endpoint_url else [])] if kinds else []


def keeping(knobs: Settings) -> dict[str, int]:
    return {HOURLY: knobs.backup_hourly_keep, DAILY: knobs.backup_daily_keep}


def look(knobs: Settings, now: float) -> dict[str, State]:
    """subject -> how it stands, after the facts were held against the folder. A subject that is new is awaited from now on, so that what never
    comes is missed too; one that is not wanted is forgotten."""
    known, place = states(knobs), knobs.data / "backups"
    there = folder.backups(place)
    for subject in wanted(knobs):
        if subject not in known:
            queries.run(knobs.database_url, "await_backup", subject=subject, value=json.dumps({"at": now}))
        newest = folder.newest(folder.sent(place) if subject == COPY else there, *_COVERS.get(subject, ()))
        if newest and (subject not in known or newest.record.taken > known[subject].at):
            made(knobs, subject, newest)
    for subject in set(known) - set(wanted(knobs)):
        queries.run(knobs.database_url, "forget_fact", key=f"backup:{subject}")
    return states(knobs)


def states(knobs: Settings) -> dict[str, State]:
    found = {}
    for row in queries.rows(knobs.database_url, "facts", prefix="backup:"):
        value = {"at": row["updated_at"].timestamp()} | {name: given for name, given in row["value"].items() if name in _FIELDS}
        found[row["key"].partition(":")[2]] = State(**value)
    return found


def made(knobs: Settings, subject: str, backup: Backup) -> None:
    _tell(knobs, subject, at=backup.record.taken, file=backup.file.name, bytes=backup.record.bytes, trouble="")


def proven(knobs: Settings, file: str, now: float) -> None:
    _tell(knobs, PROOF, at=now, file=file, trouble="")


def begun(knobs: Settings, subject: str, now: float) -> None:
    _tell(knobs, subject, tried=now)


def failed(knobs: Settings, subject: str, trouble: str) -> None:
    """The database may be what failed; the log has the words anyway."""
    with suppress(SQLAlchemyError):
        _tell(knobs, subject, trouble=trouble[:500])


def subjects(kind: str, knobs: Settings) -> Sequence[str]:
    """What a backup of this kind, once made, is news of."""
    return [subject for subject, kinds in _COVERS.items() if kind in kinds and subject in wanted(knobs) and subject != COPY]


def _tell(knobs: Settings, subject: str, **value: Any) -> None:
    queries.run(knobs.database_url, "record_backup", subject=subject, value=json.dumps(value))
