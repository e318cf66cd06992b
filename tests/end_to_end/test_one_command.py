"""A whole farm of this test's own, beside any other: up, look, prove, kill, down, up again. Real in every part."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address
from pathlib import Path
from socket import SOCK_DGRAM
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from db import engine
from ops.cli import environment, state
from tests.end_to_end.conftest import Farm, Venue, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

RATE = 300
STREAM_KEYS = {"venue", "channel", "shard", "instruments", "rows_per_s", "last_data_age_s", "backlog_entries", "lag_ms"}
VERDICT_KEYS = {"emitted", "stored", "missing", "duplicate", "quarantined", "counted_loss"}


def execute(farm: Farm, *statements: str) -> None:
    known = state.load(farm.home)
    assert known
    with (
        closing(engine.connect(known.environment["DATABASE_URL"], name="test")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount == 1, statement


def component(farm: Farm, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in farm.status()["components"] if one["name"] == name)
    return found


@contextmanager
def running(home: Path) -> Iterator[Venue]:
    found = Venue(home, "binance")
    try:
        found.up("--rate", str(RATE))
        yield found
    finally:
        found.run("down", "--timeout", "5")


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    with running(tmp_path_factory.mktemp("whole")) as found:
        yield found


@pytest.fixture
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """That nothing has happened to, and that may be spoilt."""
    with running(tmp_path_factory.mktemp("untouched")) as found:
        yield found


def test_status_keeps_its_contract(farm: Farm) -> None:
    eventually(lambda: farm.run("status").returncode == 0)
    found = farm.status()
    assert set(found) == {"healthy", "reasons", "components", "streams", "gaps_open", "quarantined", "backups"}
    assert (found["healthy"], found["reasons"], found["quarantined"]) == (True, [], 0)
    assert {component["state"] for component in found["components"]} == {"running"}
    assert all(set(component) == {"name", "state", "pid", "restarts"} for component in found["components"])
    assert {"postgres", "redis", "sandbox", "beat", "flower", "worker-writers", "streamer-binance"} <= {
        c["name"] for c in found["components"]
    }
    assert {stream["channel"] for stream in found["streams"]} == {"aggTrade", "bookTicker"}
    for stream in found["streams"]:
        assert set(stream) == STREAM_KEYS
        assert set(stream["lag_ms"]) == {"p50", "p99"}
        assert stream["instruments"] == 200


def test_up_again_changes_nothing(farm: Farm) -> None:
    before = [component["pid"] for component in farm.status()["components"]]
    done = farm.run("up", "--rate", "1")
    assert done.returncode == 0
    assert "running already" in done.stderr
    assert [component["pid"] for component in farm.status()["components"]] == before


def test_no_secret_is_in_any_argument(farm: Farm) -> None:
    known = state.load(farm.home)
    assert known
    secret = urlsplit(known.environment["REDIS_URL"]).password
    assert secret
    assert not [process.pid for process in psutil.process_iter() if secret in " ".join(_arguments(process))]


def test_nothing_listens_beyond_the_loopback(farm: Farm) -> None:
    ports = {farm.port(name) for name in environment.DEFAULT_PORTS}
    listening = {}
    for program in farm.status()["components"]:
        root = psutil.Process(program["pid"])
        for process in (root, *root.children(recursive=True)):
            for socket in _sockets(process):
                if socket.status == psutil.CONN_LISTEN or socket.type == SOCK_DGRAM:
                    listening[socket.laddr.port] = socket.laddr.ip
    assert ports <= set(listening)
    assert {port: ip for port, ip in listening.items() if not ip_address(ip).is_loopback} == {}


def _sockets(process: psutil.Process) -> list[Any]:
    """None of one that has ended since it was listed: workers start programs that live for a moment."""
    try:
        return list(process.net_connections(kind="inet"))
    except psutil.NoSuchProcess:
        return []


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("name", ["streamer-binance", "worker-writers", "redis", "postgres", "sandbox"])
def test_what_is_killed_comes_back_and_the_loss_is_counted(farm: Farm, name: str) -> None:
    before = component(farm, name)
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: component(farm, name)["restarts"] > before["restarts"] and component(farm, name)["state"] == "running")
    eventually(lambda: farm.run("status").returncode == 0)
    found, text = farm.verify()
    assert found["ok"], text


def test_status_says_what_is_down(farm: Farm) -> None:
    pid = component(farm, "redis")["pid"]

    def refused() -> subprocess.CompletedProcess[str] | None:
        os.kill(pid, signal.SIGSTOP)  # anew for each look: the watchdog continues it within ten seconds
        done = farm.run("status", "--json")
        told = any(reason.startswith("Redis does not answer") for reason in json.loads(done.stdout)["reasons"])
        return done if told else None

    try:
        done = eventually(refused)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 1
    assert not json.loads(done.stdout)["healthy"]
    assert "Traceback" not in done.stderr
    eventually(lambda: farm.run("status").returncode == 0)


def test_down_loses_nothing_and_up_again_goes_on(farm: Farm) -> None:
    done = farm.run("down")
    assert done.returncode == 0, done.stderr
    assert farm.run("down").returncode == 0
    down = farm.run("status", "--json")
    assert down.returncode == 1
    assert "./farm up" in json.loads(down.stdout)["reasons"][0]
    farm.up("--rate", str(RATE))
    found, text = farm.verify()
    assert found["ok"], text


def test_all_that_was_sent_is_stored_and_a_tampered_table_is_found_out(untouched: Venue) -> None:
    farm = untouched
    found, text = farm.verify()
    assert found["ok"], text
    for verdict in found["venues"]["binance"].values():
        assert set(verdict) >= VERDICT_KEYS
        assert verdict["emitted"] == verdict["stored"] > 0
    assert set(found["venues"]["binance"]) == {"trades", "quotes"}

    farm.prepare("torn", count=3)
    eventually(lambda: farm.status()["quarantined"] >= 3)
    last = "(SELECT instrument_id, event_at, {1} FROM {0} WHERE event_at < now() - INTERVAL '2 s' ORDER BY event_at DESC, instrument_id LIMIT 1)"
    same = "(instrument_id, event_at, {1}) = " + last
    execute(
        farm,
        "DELETE FROM trades WHERE " + same.format("trades", "trade_id"),
        "UPDATE quotes SET bid_price = bid_price + 1 WHERE " + same.format("quotes", "update_id"),
        "INSERT INTO trades SELECT event_at + INTERVAL '1 us', received_at, instrument_id, trade_id, price, quantity, side, quantity_without_rpi, "
        "first_trade_id, last_trade_id FROM trades WHERE " + same.format("trades", "trade_id"),
        "INSERT INTO quotes SELECT event_at, received_at, instrument_id, update_id + 1000000000, 1, 1, 1, 1 FROM quotes WHERE "
        + same.format("quotes", "update_id"),
    )
    found, text = farm.verify()
    trades, quotes = found["venues"]["binance"]["trades"], found["venues"]["binance"]["quotes"]
    assert not found["ok"], text
    assert (trades["missing"], trades["duplicate"], trades["quarantined"]) == (1, 1, 3), trades
    assert (quotes["different"], quotes["surplus"]) == (1, 1), quotes
    told = farm.run("verify").stdout
    assert all(word in told for word in ("missing: ", "duplicate: ", "different: ", "surplus: ")), told


# --- a farm that cannot start says why
@pytest.mark.parametrize(
    ("arguments", "env", "told", "status"),
    [
        (("up", "--venues", "nowhere"), {}, "There is no venue 'nowhere'", 2),
        (("up",), {"FARM_FLOWER_PORT": "no"}, "give a port from 1 to 65535", 2),
        (("up",), {"FARM_CONSOLE_PORT": "no"}, "give a port from 1 to 65535", 2),
        (("up",), {"CONSOLE_ADDRESS": "0.0.0.0"}, "set CONSOLE_USER and CONSOLE_PASSWORD too", 2),
        (
            ("up",),
            {"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/x", "REDIS_URL": "redis://:hidden@127.0.0.1:1"},
            "DATABASE_URL names",
            1,
        ),
        (("up",), {"FARM_TOML": "/nonexistent.toml"}, "is missing", 2),
        (("verify",), {}, "`./farm up` starts it", 1),
        (("psql",), {}, "`./farm up` starts it", 1),
        (("logs", "nothing"), {}, "There is no log of 'nothing'", 2),
        (("down",), {}, "was not running", 0),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], told: str, status: int
) -> None:
    done = Farm(tmp_path / "home", **env).run(*arguments)
    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_verify_needs_a_sandbox(tmp_path: Path) -> None:
    nowhere = Farm(tmp_path / "home")
    state.save(nowhere.home, state.State(venues=("binance",)))
    done = nowhere.run("verify", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["ok"] is False
    assert "--live" in done.stderr
