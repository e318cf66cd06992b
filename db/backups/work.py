"""The three works, as the schedule and the commands ask for them: an hourly backup, a daily one, a drill. Each tells how it ended."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from core.settings import Settings
from db.backups import BackupError, dumping, facts, folder, restoring
from db.backups.folder import Backup
from db.backups.restoring import Target
from db.backups.times import COPY, DAILY, HOURLY, PROOF

log = logging.getLogger(__name__)

_WORDS = {PROOF: "drill", COPY: "copying backups"}

Say = Callable[[str], None]
#: Takes (file, key) and raises where it could not keep it.
Upload = Callable[[Path, str], object]


def back_up(knobs: Settings, kind: str, *, upload: Upload | None = None, say: Say = lambda _: None) -> Backup:
    """Make one, hand it over, remove what is beyond the number to keep. Raises BackupError, psycopg2.Error, OSError."""
    place = knobs.data / "backups"
    with folder.alone(place, "backup"):
        with _told(knobs, kind):
            backup = dumping.make(knobs, kind, say)
            for subject in facts.subjects(kind, knobs):
                facts.made(knobs, subject, backup)
        try:
            if upload is not None:
                with _told(knobs, COPY):
                    folder.send(place, upload)
                    facts.made(knobs, COPY, backup)
        finally:
            # One that was asked for by hand stays, whatever is kept of its kind. What could not be copied for so long goes too.
            for name in folder.retain(place, {of: max(keep, 1) for of, keep in facts.keeping(knobs).items()}):
                say(f"removed {name}")
    return backup


def drill(knobs: Settings, *, say: Say = lambda _: None) -> str:
    """Restore the newest backup into a database that is dropped again; the name of the one that is proven. Raises as `back_up` does, also where
    something is otherwise than recorded."""
    place = knobs.data / "backups"
    with folder.alone(place, "drill"), _told(knobs, PROOF):
        if not knobs.database_drill_url:
            raise BackupError(
                "DATABASE_DRILL_URL is not set, so no backup is proven: set it, or run `./farm restore FILE --into DB --verify`."
            )
        there = folder.backups(place)
        backup = folder.newest(there, DAILY) or folder.newest(there, HOURLY)
        if backup is None:
            raise BackupError(f"There is no backup in {place} to be proven yet.")
        identity = Path(knobs.backup_age_identity_file).expanduser() if knobs.backup_age_identity_file else None
        target = Target(knobs.database_drill_url, None, knobs.postgres_programs)
        lines = restoring.restore(backup.file, target, identity=identity, verify=True, say=say)
        if lines:
            raise BackupError(f"{backup.file.name} does not bring back what was recorded: {'; '.join(lines)}")
        facts.proven(knobs, backup.file.name, time.time())
    return backup.file.name


@contextmanager
def _told(knobs: Settings, subject: str) -> Iterator[None]:
    facts.begun(knobs, subject, time.time())
    try:
        yield
    except (BackupError, psycopg2.Error, OSError) as exc:
        log.error("%s failed cause=%s", _WORDS.get(subject, f"{subject} backup"), exc)
        facts.failed(knobs, subject, str(exc).strip() or type(exc).__name__)
        raise
