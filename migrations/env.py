"""Runs migrations one at a time: an advisory lock keeps two migrators apart, a lock timeout keeps a busy farm writing."""

from alembic import context
from sqlalchemy import text

from core import settings
from db.engine import engine
from db.tables import metadata

#: Any number, the same in every process that migrates.
MIGRATION_LOCK = 7_301_042


def _offline() -> None:
    context.configure(url=settings.load().migration_url, target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def _online() -> None:
    with engine(settings.load().migration_url).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


_offline() if context.is_offline_mode() else _online()
