"""python -m bench.venue PORT blast COUNT | pace RATE SECONDS: a WebSocket server with frames ready before anybody asks for them.

`blast` sends COUNT bookTicker frames as fast as the client takes them. `pace` sends RATE frames a second, three quotes to a trade,
each connection its channel's share, one send a millisecond with what is due. Says {"ready": …} when it listens, and what it sent
when it ends. Made to cost little, so that the client is what is measured.
"""

import base64
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty, Full

import numpy as np

from bench.frames import SOURCES, Quotes

_CHUNK_BYTES = 256 << 10
_SLICE_SECONDS = 0.1
_SLICES_AHEAD = 20
_TICK_SECONDS = 0.001
_SHARE = {"bookTicker": 0.75, "aggTrade": 0.25}
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = b"\x88\x02\x03\xe8"

Feed = Callable[[socket.socket, str], int]


def text_frame(body: bytes) -> bytes:
    head = bytes((0x81, len(body))) if len(body) < 126 else b"\x81\x7e" + len(body).to_bytes(2, "big")
    return head + body


def handshake(peer: socket.socket) -> str:
    """Returns the request's target."""
    request = b""
    while b"\r\n\r\n" not in request:
        received = peer.recv(65536)
        if not received:
            raise ConnectionError("the client went away during the handshake")
        request += received
    lines = request.split(b"\r\n")
    key = next(line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return lines[0].split(b" ")[1].decode()


def blast(count: int) -> Feed:
    received = time.time_ns() // 1000 + np.arange(count)
    blob = b"".join(map(text_frame, Quotes()(received)))
    chunks = [blob[start : start + _CHUNK_BYTES] for start in range(0, len(blob), _CHUNK_BYTES)]

    def feed(peer: socket.socket, _: str) -> int:
        for chunk in chunks:
            peer.sendall(chunk)
        return count

    return feed


def slices(channel: str, rate: float, count: int) -> Iterator[list[bytes]]:
    """Frames of `_SLICE_SECONDS` each, as one write a tick."""
    source, ticks, owed = SOURCES[channel](), round(_SLICE_SECONDS / _TICK_SECONDS), 0.0
    for _ in range(count):
        sizes = []
        for _ in range(ticks):
            owed += rate * _TICK_SECONDS
            sizes.append(int(owed))
            owed -= sizes[-1]
        frames = iter(source(np.full(sum(sizes), time.time_ns() // 1000 + int(_SLICES_AHEAD * _SLICE_SECONDS * 1e6))))
        yield [b"".join(text_frame(next(frames)) for _ in range(size)) for size in sizes]


def _make(channel: str, rate: float, count: int, ready: "Queue[list[bytes]]") -> None:
    """Ends with the server, whose end no wait on a queue would notice."""
    parent, made = os.getppid(), slices(channel, rate, count)
    waiting = next(made, None)
    while os.getppid() == parent:
        try:
            if waiting is None:
                time.sleep(0.5)
            else:
                ready.put(waiting, timeout=0.5)
                waiting = next(made, None)
        except Full:
            continue
    os._exit(0)


def pace(rate: float, seconds: float) -> Feed:
    """Frames are made in a process of their own, so that making them does not delay sending them."""
    context = get_context("fork")
    ready = {}
    for channel, share in _SHARE.items():
        ready[channel] = context.Queue(_SLICES_AHEAD)
        context.Process(target=_make, args=(channel, rate * share, round(seconds / _SLICE_SECONDS), ready[channel]), daemon=True).start()

    def feed(peer: socket.socket, target: str) -> int:
        channel = next(name for name in _SHARE if f"@{name}" in target)
        return _send_paced(peer, (ready[channel].get(timeout=10) for _ in range(round(seconds / _SLICE_SECONDS))), time.perf_counter())

    return feed


def _send_paced(peer: socket.socket, made: Iterable[list[bytes]], began: float) -> int:
    sent, tick = 0, 0
    try:
        for writes in made:
            for data in writes:
                tick += 1
                wait = began + tick * _TICK_SECONDS - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                if data:
                    peer.sendall(data)
                    sent += data.count(b'{"stream":"')
    except Empty:
        raise RuntimeError("frames were not made as fast as they are due") from None
    return sent


class Server:
    def __init__(self, port: int, feed: Feed, clients: int) -> None:
        self._feed = feed
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=8)
        self._clients = clients
        self.sent, self.first_us = 0, 0
        self._count = threading.Lock()

    def run(self) -> None:
        """Serve so many clients to their end."""
        for _ in range(self._clients):
            peer, _ = self._listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads.append(threading.Thread(target=self._serve, args=(peer,), daemon=True))
            self._threads[-1].start()
        for thread in self._threads:
            thread.join()

    def _serve(self, peer: socket.socket) -> None:
        with peer:
            try:
                target = handshake(peer)
                with self._count:
                    self.first_us = self.first_us or time.time_ns() // 1000
                sent = self._feed(peer, target)
                with self._count:
                    self.sent += sent
                # What the client says is not read; closing with unread bytes would cut what is still under way.
                peer.sendall(_CLOSE)
                peer.settimeout(5)
                while peer.recv(65536):
                    pass
            except OSError:
                return


def main() -> int:
    port, mode, amount = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    server = Server(port, blast(int(amount)), 1) if mode == "blast" else Server(port, pace(amount, float(sys.argv[4])), len(_SHARE))
    print(json.dumps({"ready": port}), flush=True)
    cpu = time.process_time()
    server.run()
    print(json.dumps({"sent": server.sent, "first_us": server.first_us, "cpu_seconds": time.process_time() - cpu}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
