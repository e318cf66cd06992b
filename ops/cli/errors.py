"""Known failures, each as one sentence that says what to do.

Refused     what was asked for cannot be done; the sentence says why and what would help
"""

import errno

import psycopg2
from sqlalchemy.exc import SQLAlchemyError

from core.private import NotPrivate
from core.redisdb import RedisError
from core.settings import SettingsError
from db.backups import BackupError
from ops.cloud import CloudError
from ops.local.errors import LocalError


class Refused(Exception):
    """What was asked for cannot be done."""

    def __init__(self, sentence: str, *, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status


#: What asking Redis or the database may raise when one of them is away.
AWAY = (RedisError, psycopg2.Error, SQLAlchemyError, OSError)


def sentence(exc: BaseException) -> tuple[str, int] | None:
    """(what to tell, exit status) of a known failure; None for a bug, whose traceback is wanted."""
    match exc:
        case Refused():
            return str(exc), exc.status
        case BackupError():
            return str(exc), 1
        case CloudError():
            return str(exc), 1
        case LocalError():
            return str(exc), 1
        case NotPrivate():
            return str(exc), 2
        case SettingsError():
            return str(exc), 2
        case RedisError():
            return f"Redis does not answer as it should ({_first_line(exc)}): `./farm status` says what runs.", 1
        case psycopg2.Error() | SQLAlchemyError():
            return f"PostgreSQL does not answer as it should ({_first_line(exc)}): `./farm status` says what runs.", 1
        case OSError() if exc.errno == errno.ENOSPC:
            return "The disk is full: free 1 GB and try again.", 1
        case OSError() if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return f"{exc.filename} cannot be used ({exc.strerror}): run ./farm as the user who owns the checkout.", 1
    return None


def _first_line(exc: BaseException) -> str:
    """Drivers tell the address and never the password; SQLAlchemy wraps their words into its own."""
    cause = getattr(exc, "orig", None) or exc
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
