"""The settings of the embedded PostgreSQL, each with its reason."""

from pathlib import Path

from ops.local.server import mebibytes

_TEMPLATE = """\
# Written by ./farm at every start. Your own settings go into custom.conf beside this file; they win.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
# A farm has some thirty; the rest is for readers. The last three are kept for whoever comes to help.
max_connections = 100
superuser_reserved_connections = 3
# What the farm's own connections set for themselves is shorter (db/engine.py). These bound everybody else: a query whose client is gone,
# a transaction that somebody has left open, a lock that does not come. A statement may be long on purpose, so its bound is wide.
client_connection_check_interval = 10s
tcp_keepalives_idle = 60
tcp_keepalives_interval = 10
tcp_keepalives_count = 6
idle_in_transaction_session_timeout = 10min
lock_timeout = 60s
statement_timeout = 1h
timezone = 'UTC'
log_timezone = 'UTC'

shared_preload_libraries = 'timescaledb'
timescaledb.license = 'apache'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 4
max_worker_processes = 16
# Hypertables lock each chunk that a statement touches.
max_locks_per_transaction = 256
# The compiler is not part of the embedded runtime.
jit = off

# A commit is a promise: offsets and rows are on the disk when the journal is trimmed behind them.
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
# The lag benchmark asks when a row was committed.
track_commit_timestamp = on

shared_buffers = {shared_buffers}MB
effective_cache_size = {cache}MB
maintenance_work_mem = 128MB
work_mem = 16MB
huge_pages = try
random_page_cost = 1.1

# Full pages after each checkpoint are most of the WAL of a recorder: few checkpoints, and compressed.
wal_compression = on
wal_buffers = 16MB
checkpoint_timeout = 15min
max_wal_size = {max_wal}MB
min_wal_size = 160MB
# A quiet farm wakes up seldom; a busy one is woken by its writers.
bgwriter_delay = 1000ms
autovacuum_naptime = 60s

log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%a '
log_min_messages = warning
log_checkpoints = on
log_autovacuum_min_duration = 10s
log_lock_waits = on
include = 'custom.conf'
"""


def configuration(port: int, sockets: Path, memory: int, disk: int, *, durable: bool) -> str:
    """postgresql.conf for a machine of so much memory and a disk of such a size."""
    return _TEMPLATE.format(
        port=port,
        sockets=str(sockets).replace("'", "''"),
        durable="on" if durable else "off",
        # Modest: the farm's own programs and the page cache need the rest.
        shared_buffers=mebibytes(min(memory / 4, 2 * 2**30)) if durable else 128,
        cache=mebibytes(memory / 2),
        # A small disk must not fill up with log that only makes checkpoints rarer.
        max_wal=mebibytes(min(4 * 2**30, max(512 * 2**20, disk / 10))),
    )
