"""The door to the embedded servers: prepare or describe them for a supervisor, or run private ones for a test."""

from ops.local.ephemeral import Running, Servers, ephemeral_redis, ephemeral_servers
from ops.local.ports import free_port
from ops.local.postgres import Postgres, describe_postgres, prepare_postgres
from ops.local.redis import describe_redis, prepare_redis
from ops.local.server import Server

__all__ = [
    "Postgres",
    "Running",
    "Server",
    "Servers",
    "describe_postgres",
    "describe_redis",
    "ephemeral_redis",
    "ephemeral_servers",
    "free_port",
    "prepare_postgres",
    "prepare_redis",
]
