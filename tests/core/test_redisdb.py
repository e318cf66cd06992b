"""core.redisdb: a client that answers or fails in time."""

import socket
import time
from contextlib import closing

import pytest

from core import redisdb


def test_a_server_that_says_nothing_fails_within_the_timeout() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        started = time.monotonic()
        with (
            closing(redisdb.connect(f"redis://127.0.0.1:{deaf.getsockname()[1]}", timeout_seconds=0.3)) as client,
            pytest.raises(redisdb.RedisError),
        ):
            client.ping()
        assert time.monotonic() - started < 2, "it is not tried again behind our back"


def test_a_server_that_is_not_there_is_a_redis_error() -> None:
    with closing(redisdb.connect("redis://127.0.0.1:1", timeout_seconds=1)) as client, pytest.raises(redisdb.RedisError):
        client.ping()
