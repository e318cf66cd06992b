"""`python -m ops.docker.migrate`: brings the database to the newest schema and lets its roles in, with the passwords of the environment."""

import os

from alembic.config import main as alembic

from core import settings
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
    for role, variable in PASSWORDS.items():
        if password := os.environ.get(variable):
            roles.let_in(settings.load().migration_url, role, password)


if __name__ == "__main__":
    main()
