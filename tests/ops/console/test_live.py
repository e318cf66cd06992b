"""What open pages are told: one producer for all, which rests while nobody looks; who takes nothing is cut off."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from ops.console import live, page
from ops.console.live import Hub
from ops.console.parts import Parts, Shown

LARGE = "x" * 2_000_000


class Console:
    """A real server that serves `/live` of parts whose makings are counted."""

    def __init__(self, shown: dict[str, Shown], patience_seconds: float = 10.0) -> None:
        self.hub = Hub(Parts(None, shown), patience_seconds=patience_seconds)  # type: ignore[arg-type]  # these parts ask no farm
        app = FastAPI()
        app.state.hub = self.hub
        app.include_router(page.router)
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(100)
        self.port = self._socket.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> "Console":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.hub.parts.pool.shutdown()
        self._socket.close()

    @contextmanager
    def open(self) -> Iterator[requests.Response]:
        with requests.get(f"http://127.0.0.1:{self.port}/live", stream=True, timeout=20) as answer:
            yield answer


def eventually(true: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def parts(**more: Shown) -> dict[str, Shown]:
    """Every part, with nothing in it but those that are given."""
    return {name: Shown(3_600, lambda *_: None) for name in page.SHOWN} | more


def events(answer: requests.Response) -> Iterator[bytes]:
    return (line for line in answer.iter_lines(chunk_size=1) if line.startswith(b"data: "))


def test_pages_share_what_is_made_and_nothing_is_made_while_nobody_looks() -> None:
    made: list[float] = []

    def context(*_: object) -> dict[str, str]:
        made.append(time.monotonic())
        return {"why": str(len(made))}

    with Console(parts(away=Shown(0.5, context))) as console:
        keys = [*page.STANDING, "away"]
        page_keys, page.STANDING[:] = list(page.STANDING), keys
        try:
            with ExitStack() as stack:
                told = [events(stack.enter_context(console.open())) for _ in range(5)]
                for one in told:
                    seen = set[bytes]()
                    while len(seen) < 3:
                        event = next(one)
                        if b'"key": "away"' in event:
                            seen.add(event)
                assert len(made) < 5 * 3, "as often as for one page"
            eventually(lambda: not console.hub.pages)
        finally:
            page.STANDING[:] = page_keys
        producer = console.hub._producer
        assert producer is not None
        eventually(producer.done)
        turns = console.hub.turns
        assert len(made) > 0
        eventually(lambda: console.hub.turns == turns)


def test_a_page_that_takes_nothing_is_cut_off() -> None:
    numbers = iter(range(10**6))
    with Console(parts(alive=Shown(0, lambda *_: None), lag=Shown(0, lambda *_: None)), patience_seconds=0.5) as console:
        console.hub.parts._rendered = lambda name, about: (f"{next(numbers)} {LARGE}", None)  # type: ignore[method-assign]
        with socket.create_connection(("127.0.0.1", console.port)) as lazy:
            lazy.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            eventually(lambda: console.hub.pages)
            eventually(lambda: not console.hub.pages)


def test_too_many_pages_are_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_PAGES", 1)
    with Console(parts()) as console, console.open() as first:
        assert first.status_code == 200
        eventually(lambda: console.hub.pages)
        with console.open() as second:
            assert second.status_code == 503
            assert second.json()["detail"] == "1 pages are open already: close one."


def test_what_is_no_choice_of_a_page_is_not_made() -> None:
    with (
        Console(parts()) as console,
        requests.get(
            f"http://127.0.0.1:{console.port}/live", params={"key": ["alive:1", "nothing", "chain:x"]}, stream=True, timeout=20
        ) as answer,
    ):
        told = events(answer)  # held: what nobody reads on is closed
        next(told)
        (only,) = console.hub.pages
        assert only.keys == (*page.STANDING, "chain:x")


def test_a_sign_of_life_is_quicker_than_a_proxy_gives_up() -> None:
    assert live.SIGN_SECONDS < 30
