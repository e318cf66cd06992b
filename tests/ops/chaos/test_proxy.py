"""What the proxy does to the connections that go through it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from ops.chaos.proxy_hand import Proxy, proxy
from ops.local.ports import free_port

PATIENCE_SECONDS = 10.0
SILENCE_SECONDS = 0.3


class Way:
    """A client and a server with the proxy between them."""

    def __init__(self, between: Proxy, listener: socket.socket) -> None:
        self.between, self._listener = between, listener
        self.client, self.server = self.opened()

    def opened(self) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", self.between.port), PATIENCE_SECONDS)
        server, _ = self._listener.accept()
        server.settimeout(PATIENCE_SECONDS)
        assert carries(client, server)
        return client, server


@pytest.fixture
def way() -> Iterator[Way]:
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        listener.settimeout(PATIENCE_SECONDS)
        made = Way(stack.enter_context(proxy(free_port(), listener.getsockname()[1])), listener)
        stack.callback(made.client.close)
        stack.callback(made.server.close)
        yield made


def carries(one: socket.socket, other: socket.socket) -> bool:
    one.sendall(b"tick")
    return other.recv(16) == b"tick"


def is_silent(side: socket.socket) -> bool:
    side.settimeout(SILENCE_SECONDS)
    try:
        side.recv(16)
    except TimeoutError:
        return True
    finally:
        side.settimeout(PATIENCE_SECONDS)
    return False


def test_bytes_go_through_both_ways(way: Way) -> None:
    assert carries(way.client, way.server) and carries(way.server, way.client)


def test_a_reset_is_one_and_the_next_connection_passes(way: Way) -> None:
    way.between.order("reset")
    with pytest.raises(ConnectionResetError):
        way.client.recv(16)
    client, server = way.opened()
    with client, server:
        assert carries(server, client)


def test_a_half_open_connection_is_silent_and_the_next_one_passes(way: Way) -> None:
    way.between.order("half-open")
    assert way.server.recv(16) == b""
    assert is_silent(way.client)
    client, server = way.opened()
    with client, server:
        assert carries(server, client)


def test_a_hole_holds_what_comes_until_it_is_closed(way: Way) -> None:
    with way.between.ordered("hole"):
        way.server.sendall(b"tick")
        assert is_silent(way.client)
    assert way.client.recv(16) == b"tick"


def test_a_slow_way_carries_so_much_a_second(way: Way) -> None:
    with way.between.ordered("slow", 10):  # 10 bytes a second: the first come after more than the silence that is waited for
        way.server.sendall(b"x" * 10)
        assert is_silent(way.client)
    assert way.client.recv(16) == b"x" * 10


def test_the_end_of_one_side_is_the_end_of_the_other(way: Way) -> None:
    way.server.close()
    assert way.client.recv(16) == b""
