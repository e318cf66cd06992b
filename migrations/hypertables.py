"""TimescaleDB's calls for migrations, on both editions. Changing a function here would change history: add a new one."""

from alembic import op


def create_hypertable(table: str, time_column: str, chunk: str) -> None:
    """No default index on time: the unique key of the table is its one index."""
    op.execute(
        f"SELECT create_hypertable('{table}', '{time_column}', chunk_time_interval => INTERVAL '{chunk}', create_default_indexes => FALSE)"
    )
