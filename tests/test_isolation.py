"""What tests/conftest.py promises: nothing beyond this machine, and nothing left of another test."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from core import redisdb

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "example.com"])
def test_a_test_cannot_leave_this_machine(address: str) -> None:
    with pytest.raises(RuntimeError, match="a test may not reach"):
        socket.create_connection((address, 80), timeout=1)
    with pytest.raises(RuntimeError, match="a test may not reach"):
        requests.get(f"http://[{address}]/" if ":" in address else f"http://{address}/", timeout=1)


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_has_a_database_of_its_own(query: Query, turn: str) -> None:
    assert query("SELECT count(*) FROM system_metadata") == [(0,)]
    query("INSERT INTO system_metadata (key, value) VALUES (%s, '{}')", (turn,))


def test_each_test_has_keys_of_its_own(redis_client: redisdb.Client, key_prefix: str) -> None:
    assert list(redis_client.scan_iter(match=f"{key_prefix}:*")) == []
