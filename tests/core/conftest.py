"""A web server that answers as it is told, and a clock that stands still."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

#: 2026-11-22 02:00:10 UTC: ten seconds into a minute.
NOW_NS = 1_795_312_810_000_000_000


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    trickle_seconds: float = 0.0  # between bytes of the body
    declared: int | None = None  # Content-Length when it is not the body's


@dataclass
class Server:
    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def do_GET(self) -> None:
            state.seen.append((self.path, dict(self.headers)))
            answer = state.answers.get(self.path.split("?")[0], Answer())
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) if answer.declared is None else answer.declared))
            self.end_headers()
            try:
                for part in [bytes([byte]) for byte in answer.body] if answer.trickle_seconds else [answer.body]:
                    self.wfile.write(part)
                    self.wfile.flush()
                    time.sleep(answer.trickle_seconds)
            except OSError:
                self.close_connection = True
            if answer.declared is not None:
                self.close_connection = True

        def do_POST(self) -> None:
            state.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.handle_error = lambda *args: None  # type: ignore[method-assign]  # clients break off on purpose here
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_address[1]}"
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


class Clock:
    def __init__(self) -> None:
        self.ns = NOW_NS

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()
