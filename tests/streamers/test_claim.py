"""Two hosts with one replica's name: the first keeps it, the second is told, and neither waits when it need not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core import redisdb
from streamers.claim import Claim

CHECKOUT = Path(__file__).resolve().parents[2]
WHO = "binance:0:a"


@pytest.fixture
def host(redis_client: redisdb.Client, key_prefix: str, tmp_path: Path) -> Callable[[str], Claim]:
    def make(name: str) -> Claim:
        (tmp_path / name).mkdir(exist_ok=True)
        return Claim(redis_client, key_prefix, WHO, tmp_path / name)

    return make


def test_the_second_host_is_told_who_has_the_name_and_what_to_do(host: Callable[[str], Claim]) -> None:
    one, two = host("one"), host("two")
    assert one.refused() == ""
    words = two.refused()
    assert f"{WHO} is recorded by host {os.uname().nodename} already" in words and "REPLICAS_HERE" in words
    assert one.refused() == "", "nothing was taken from the first"


def test_a_streamer_that_died_goes_on_at_once(host: Callable[[str], Claim]) -> None:
    assert host("one").refused() == ""
    assert host("one").refused() == "", "it is known by its spool"


def test_a_name_that_was_given_back_is_had_at_once(host: Callable[[str], Claim]) -> None:
    one, two = host("one"), host("two")
    assert one.refused() == ""
    one.release()
    assert two.refused() == ""
    assert one.refused() != ""


def test_nobody_is_turned_away_while_redis_is_away(tmp_path: Path) -> None:
    with closing(redisdb.connect("redis://127.0.0.1:1/0", timeout_seconds=1)) as client:
        claim = Claim(client, "nowhere", WHO, tmp_path)
        assert claim.refused() == ""
        claim.release()


def test_a_disk_that_cannot_be_written_costs_the_memory_of_the_name_alone(
    redis_client: redisdb.Client, key_prefix: str, tmp_path: Path
) -> None:
    claims = [Claim(redis_client, key_prefix, WHO, tmp_path / "nowhere") for _ in range(2)]
    assert [bool(claim.refused()) for claim in claims] == [False, True]


@pytest.fixture
def streamer(redis_url: str, key_prefix: str, tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Of a host with this home; its venue is never there."""
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "farm.toml").write_text('[venues.binance]\nchannels = ["aggTrade"]\nsymbols = ["AUSDT"]\n')

    def start(home: str) -> "subprocess.Popen[str]":
        environment = {"REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "FARM_TOML": str(tmp_path / "farm.toml")}
        environment |= {"FARM_HOME": str(tmp_path / home), "BINANCE_WS_URL": "ws://127.0.0.1:1"}
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "streamers", "binance"],
                cwd=CHECKOUT,
                env={**os.environ, **environment},
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended without {words!r}")


def test_a_second_streamer_leaves_without_a_trace_and_the_first_goes_on(
    streamer: Callable[[str], "subprocess.Popen[str]"], redis_client: redisdb.Client, key_prefix: str
) -> None:
    first = streamer("one")
    said(first, "streamer starts")
    keys = set(redis_client.scan_iter(match=f"{key_prefix}:appended:*"))
    second = streamer("two")
    _, words = second.communicate(timeout=60)
    assert second.returncode == 2 and "is recorded by host" in words and "streamer starts" not in words
    assert set(redis_client.scan_iter(match=f"{key_prefix}:appended:*")) <= keys | {f"{key_prefix}:appended:{WHO}".encode()}
    assert first.poll() is None


def test_one_whose_name_was_taken_meanwhile_leaves(
    streamer: Callable[[str], "subprocess.Popen[str]"], redis_client: redisdb.Client, key_prefix: str
) -> None:
    """As after a long cut, in which another host was given the name."""
    first = streamer("one")
    said(first, "streamer starts")
    redis_client.set(f"{key_prefix}:claim:{WHO}", "other 1")
    _, words = first.communicate(timeout=60)
    assert first.returncode == 2 and "is recorded by host other already" in words
    assert redis_client.get(f"{key_prefix}:claim:{WHO}") == b"other 1"
