"""The database and a release: whether one knows the other, and how it is brought to the newer one."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from psycopg2.errors import UndefinedTable
from sqlalchemy.engine import make_url

from core import settings
from db import engine, roles
from ops.cli import migrate, programs
from ops.cli.environment import read_dotenv
from ops.cli.errors import Refused

_ROLES = (roles.WRITER, roles.READER, roles.CONSOLE, roles.BACKUP)


def revision(owner_url: str) -> str:
    """Of the newest migration that the database has had; empty: none."""
    with closing(engine.connect(owner_url, name="tapefarm deploy")) as connection, connection, connection.cursor() as cursor:
        try:
            cursor.execute("SELECT version_num FROM alembic_version")
        except UndefinedTable:
            return ""
        return str((cursor.fetchone() or ("",))[0])


def known_to(release: Path) -> str:
    """The newest migration that a release brings."""
    return (release / "migrations" / "HEAD").read_text(encoding="utf-8").strip()


def require_known(release: Path, values: Mapping[str, str]) -> None:
    """Migrations are numbered and go forward only. Raises Refused where the release is older than the database."""
    knobs = settings.load(values)
    if not programs.use_database(knobs):
        return
    there, known = revision(knobs.migration_url), known_to(release)
    if there > known:
        raise Refused(
            f"The database is at migration {there}, and {release.name} knows those up to {known}: migrations go forward only, so this release "
            "would not understand what is stored. Mend the newer release and deploy it, or restore a backup made before it (docs/restore.md) "
            "into a database for the old one; nothing was changed."
        )


def upgrade(values: Mapping[str, str], folder: Path) -> None:
    """To the newest schema; and on a server that deploy.sh has set up, the roles are let in with the passwords of their URLs."""
    if not programs.use_database(settings.load(values)):
        return  # a host of streamers does not even know where it is
    migrate.upgrade(values)
    own = read_dotenv(folder / "servers.env")
    if "DATABASE_OWNER_URL" not in own:
        return
    for url in (*own.values(), *read_dotenv(folder / "console.env").values()):
        if url.startswith("postgresql") and (parts := make_url(url)).username in _ROLES:
            roles.let_in(own["DATABASE_OWNER_URL"], str(parts.username), parts.password)
