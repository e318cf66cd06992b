"""`python -m ops.docker.migrate`: brings the database to the newest schema and lets its roles in, with the passwords of the environment,
or of the files that it names (POSTGRES_WRITER_PASSWORD_FILE)."""

import os

from alembic.config import main as alembic

from core import settings
from core.secret_files import taken
from db import roles

#: Nobody may log in as a role whose password is not set.
PASSWORDS = {
    roles.WRITER: "POSTGRES_WRITER_PASSWORD",
    roles.READER: "POSTGRES_READER_PASSWORD",
    roles.CONSOLE: "POSTGRES_CONSOLE_PASSWORD",
    roles.BACKUP: "POSTGRES_BACKUP_PASSWORD",
}


def main() -> None:
    alembic(["-c", "migrations/alembic.ini", "upgrade", "head"])
    given = taken(os.environ, PASSWORDS.values())
    for role, variable in PASSWORDS.items():
        if password := given.get(variable):
            roles.let_in(settings.load().migration_url, role, password)


if __name__ == "__main__":
    main()
