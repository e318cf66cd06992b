"""`./farm doctor`: what is well is told, what is not is named with what it means; nothing waits for ever."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from core import settings
from core.redisdb import Client
from core.settings import ROOT, Settings
from ops.cli import environment
from ops.cli.doctor import render
from ops.doctor import clock, machine, servers, venues
from ops.doctor.finding import FAILURE, OK, WARNING, Finding, examine
from ops.doctor.venues import Unreachable
from ops.local.ports import free_port
from tests.test_tls import certificate
from venues import VENUES


def states(found: Iterator[Finding]) -> dict[str, str]:
    return {one.check: one.state for one in found}


# --- venues ---------------------------------------------------------------------------------------------------------------
@contextmanager
def host(status: int = 200, *, date: float | None = None) -> Iterator[str]:
    """The address of a venue that answers so, by this clock."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("Date", formatdate(time.time() if date is None else date, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def listener(behave: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server that does this with its first connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def looked(url: str, what: str = "REST", *, needed: bool = True) -> list[Finding]:
    return list(venues.check("binance", what, url, needed=needed)())


@pytest.mark.parametrize(
    ("status", "needed", "state", "meaning"),
    [
        (200, True, OK, ""),
        (404, True, OK, ""),  # an answer, of who need not have this page
        (451, True, FAILURE, "does not serve this address or country"),
        (403, True, FAILURE, "does not serve this address or country"),
        (451, False, WARNING, "does not serve this address or country"),
        (418, True, FAILURE, "has banned this address"),
        (429, True, WARNING, "wants to be asked less"),
        (503, True, WARNING, "is ill, or in maintenance"),
    ],
)
def test_each_answer_of_a_venue_has_its_meaning(status: int, needed: bool, state: str, meaning: str) -> None:
    with host(status) as url:
        first, second = looked(url, needed=needed)
    assert (first.check, first.state) == ("binance REST", state) and meaning in first.advice
    assert f"127.0.0.1: HTTP {status} in " in first.found
    assert (second.check, second.state) == ("binance clock", OK)


def test_a_clock_that_is_far_off_is_told() -> None:
    with host(date=time.time() - 3600) as url:
        _, found = looked(url)
    assert found.state == FAILURE and found.found.startswith(("-3599.", "-3600.")) and "timedatectl" in found.advice
    assert (clock.offset("x", 2.4, 0.5).state, clock.offset("x", -4.0, 0.5).state) == (OK, WARNING)


def test_a_socket_is_asked_for_as_one_is_opened() -> None:
    asked = b""

    def behave(connection: socket.socket) -> None:
        nonlocal asked
        asked = connection.recv(4096)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")

    with listener(behave) as port:
        [found] = looked(f"ws://127.0.0.1:{port}/ws", "WebSocket")
    assert found.state == OK and asked.startswith(b"GET /ws HTTP/1.1\r\n") and b"Upgrade: websocket\r\n" in asked


def failing(url: str) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        venues.ask(url, upgrade=False)
    return raised.value


def test_the_step_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venues, "STEP_SECONDS", 0.3)
    no_name = failing("https://127.0.0.1.invalid/")
    assert str(no_name).startswith("DNS fails: ") and no_name.meaning == venues.DNS
    nobody = failing(f"http://127.0.0.1:{free_port()}/")
    assert (str(nobody), nobody.meaning) == ("TCP fails: Connection refused", venues.TCP)
    with listener(lambda connection: connection.recv(4096)) as port:
        assert failing(f"http://127.0.0.1:{port}/").meaning == venues.ANSWER  # closed without a word
    hold = threading.Event()
    with listener(lambda _: hold.wait(10)) as port:
        mute = failing(f"http://127.0.0.1:{port}/")
        hold.set()
    assert (str(mute), mute.meaning) == ("the answer fails: timed out", venues.ANSWER)


def test_a_certificate_that_nobody_has_signed_is_not_the_venue(tmp_path: Path) -> None:
    context = certificate(tmp_path, "127.0.0.1")

    def behave(connection: socket.socket) -> None:
        try:
            context.wrap_socket(connection, server_side=True)
        except OSError:
            return

    with listener(behave) as port:
        found = failing(f"https://127.0.0.1:{port}/")
    assert str(found).startswith("TLS fails: self") and found.meaning == venues.TLS
    with listener(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert failing(f"https://127.0.0.1:{port}/").meaning == venues.TLS


@pytest.mark.parametrize("venue", VENUES.values(), ids=lambda venue: venue.name)
def test_every_host_of_a_venue_is_asked_once(venue: object) -> None:
    one = VENUES[venue.name]  # type: ignore[attr-defined]
    found = venues.hosts(one, one.ws_url, one.rest_url)
    assert [what for what, _ in found].count("WebSocket") == 1 and len(set(found)) == len(found) >= 2
    assert len(venues.hosts(one, "ws://127.0.0.1:1/x", "http://127.0.0.1:1/x")) == 2  # in its place, one that serves all


# --- the machine ----------------------------------------------------------------------------------------------------------
def test_a_port_that_somebody_holds_is_told_with_who() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        chosen = list(machine.ports_free({}, {"console": port}, False, ["console"]))
        by_hand = list(machine.ports_free({"FARM_CONSOLE_PORT": str(port)}, {}, False, ["console"]))
        own = list(machine.ports_free({}, {"console": port}, True, ["console"]))
    assert (chosen[0].state, by_hand[0].state, own[0].state) == (WARNING, FAILURE, OK)
    assert f"(process {os.getpid()})" in by_hand[0].found and "FARM_CONSOLE_PORT asks for it" in by_hand[0].advice
    assert states(machine.ports_free({}, {"console": free_port()}, False, ["console"])) == {"port of console": OK}


def test_files_with_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    (tmp_path / "state.json").chmod(0o644)
    (tmp_path / "run").mkdir(mode=0o755)
    found = {one.check: one for one in machine.permissions(tmp_path, None)}
    assert found["state.json"].state == FAILURE and "chmod 600" in found["state.json"].found
    assert (found["folder of FARM_HOME"].state, found["folder of scripts"].state) == (OK, WARNING)
    (tmp_path / "state.json").chmod(0o600)
    assert states(machine.permissions(tmp_path, None))["state.json"] == OK


def test_bounds_and_memory_are_judged(tmp_path: Path) -> None:
    assert [next(machine.open_files(soft)).state for soft in (256, 1024, 65536)] == [FAILURE, WARNING, OK]
    (tmp_path / "overcommit").write_text("0\n")
    (tmp_path / "pages").write_text("[always] madvise never\n")
    found = list(machine.memory(2**29, overcommit=tmp_path / "overcommit", pages=tmp_path / "pages"))
    assert [(one.check, one.state) for one in found] == [("memory", FAILURE), ("overcommit", WARNING), ("huge pages", WARNING)]


def test_a_disk_is_measured_and_nothing_is_left_on_it(tmp_path: Path) -> None:
    found = list(machine.disk("FARM_HOME", tmp_path / "not" / "there"))
    assert found[0].check == "disk of FARM_HOME" and " GB free of " in found[0].found and "until a write is on disk" in found[-1].found
    assert list(tmp_path.iterdir()) == []
    [short, *_] = machine.disk("FARM_DATA", tmp_path, keep_free=2**60)
    assert short.state in (WARNING, FAILURE)


def test_the_kernel_says_who_steers_its_clock() -> None:
    [found] = clock.kernel()
    assert found.check == "clock" and found.found


# --- servers --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def knobs(redis_url: str) -> Settings:
    return replace(settings.load({}), redis_url=redis_url)


@contextmanager
def set_to(client: Any, name: str, value: str) -> Iterator[None]:
    before = client.config_get(name)[name]
    client.config_set(name, value)
    try:
        yield
    finally:
        client.config_set(name, before)


def test_a_redis_that_keeps_what_it_is_given_is_well(knobs: Settings, redis_client: Client) -> None:
    with set_to(redis_client, "maxmemory", "1gb"), set_to(redis_client, "appendonly", "yes"), set_to(redis_client, "appendfsync", "always"):
        assert set(states(servers.redis(knobs)).values()) == {OK}


@pytest.mark.parametrize(
    ("name", "value", "check", "state"),
    [
        ("appendonly", "no", "Redis' log", FAILURE),
        ("maxmemory-policy", "allkeys-lru", "Redis' memory", FAILURE),
        ("maxmemory", "0", "Redis' memory", WARNING),
        ("maxmemory", "1", "Redis' memory", WARNING),
    ],
)
def test_a_redis_that_may_lose_something_is_not(
    name: str, value: str, check: str, state: str, knobs: Settings, redis_client: Client
) -> None:
    with set_to(redis_client, name, value):
        assert states(servers.redis(knobs))[check] == state


def test_servers_that_are_away_are_failures(knobs: Settings) -> None:
    away = replace(knobs, redis_url=f"redis://:hunter22@127.0.0.1:{free_port()}/0")
    away = replace(away, database_url=f"postgresql+psycopg2://x:hunter22@127.0.0.1:{free_port()}/x")
    found = [*servers.redis(away), *servers.postgres(away)]
    assert [one.state for one in found] == [FAILURE, FAILURE] and "hunter22" not in str(found)


def test_the_database_says_what_it_is(knobs: Settings, migrated_database_url: str) -> None:
    found = states(servers.postgres(replace(knobs, database_url=migrated_database_url)))
    assert {name: found[name] for name in ("PostgreSQL", "TimescaleDB", "PostgreSQL clock")} == {
        "PostgreSQL": OK,
        "TimescaleDB": OK,
        "PostgreSQL clock": OK,
    }


# --- all together ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("redis://:x@127.0.0.1:6379/0", {}),
        ("postgresql+psycopg2://u@/x?host=/var/run/sockets&port=5", {}),
        ("redis://:x@10.0.0.3:6379/0", {"link to it": WARNING}),
        ("rediss://:x@10.0.0.3:6379/0", {"link to it": OK}),
        ("postgresql://u:x@db.example/x", {"link to it": WARNING}),
        ("postgresql://u:x@db.example/x?sslmode=disable", {"link to it": WARNING}),
        ("postgresql://u:x@db.example/x?sslmode=verify-full&sslrootcert=system", {"link to it": OK}),
    ],
)
def test_a_link_to_another_host_is_told_when_nobody_looks_at_who_answers(url: str, found: dict[str, str]) -> None:
    told = list(servers.link("it", url))
    assert states(iter(told)) == found
    assert not [one for one in told if ":x@" in f"{one.found} {one.advice}"]


def test_a_check_that_hangs_or_breaks_costs_the_others_nothing() -> None:
    hold = threading.Event()

    def hangs() -> Iterator[Finding]:
        hold.wait(30)
        yield Finding("hangs", OK, "late")

    def breaks() -> Iterator[Finding]:
        raise KeyError("x")

    found = examine([("hangs", hangs), ("breaks", breaks), ("well", lambda: [Finding("well", OK, "fine")])], 0.3)
    hold.set()
    assert [(one.check, one.state) for one in found] == [("hangs", FAILURE), ("breaks", FAILURE), ("well", OK)]
    assert found[0].found == "no answer within 0.3 s"


def test_the_table_fits_80_columns_and_loses_no_word() -> None:
    long = "a_folder_with_a_very_long_name/" * 6
    shown = Console(file=StringIO(), width=80, color_system=None)
    shown.print(
        render([Finding("folder of FARM_HOME", FAILURE, f"{long} belongs to root\x1b[2J", "Run ./farm as root, [bold]or chown it.")])
    )
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text and "\x1b" not in text
    assert long.replace("_", "") in "".join(text.split()).replace("_", "") and "[bold]or chown it." in text


def test_it_works_without_a_farm_and_ends_by_what_it_found(tmp_path: Path, redis_url: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    with host(451) as url:
        own = {"FARM_HOME": str(tmp_path), "FARM_VENUES": "binance", "BINANCE_REST_URL": url, "BINANCE_WS_URL": url.replace("http", "ws")}
        own |= {"REDIS_URL": redis_url, "DATABASE_URL": f"postgresql://x:hunter22@127.0.0.1:{free_port()}/x"}
        argv = [sys.executable, "-m", "ops", "doctor", "--json"]
        done = subprocess.run(argv, cwd=ROOT, env=kept | own, capture_output=True, text=True, timeout=60, check=False)
    told = json.loads(done.stdout)
    found = {one["check"]: one for one in told["checks"]}
    assert (done.returncode, told["ok"]) == (1, False)
    assert (found["PostgreSQL"]["state"], found["Redis"]["state"], found["alerts"]["state"]) == (FAILURE, OK, WARNING)
    assert found["binance REST"]["state"] == found["binance WebSocket"]["state"] == WARNING  # nothing is recorded from there yet
    assert "hunter22" not in done.stdout + done.stderr and "port of redis" not in found
