"""core.http against a real server and a real Redis: statuses, the shared budget, pauses, bounds."""

import gzip
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from core import metrics
from core.http import Http, Refused, ReplyTooLarge, TryLater, explained, retry_after_seconds
from core.venue import Limits, Request, Universe, Venue
from tests.core.conftest import NOW_NS, Answer, Clock, Server

ROOT = Path(__file__).resolve().parents[2]
USED = "X-MBX-USED-WEIGHT-1M"


def venue(rest_url: str = "", **hosts: str) -> Venue:
    return Venue(
        *("demo", "", rest_url, (), (), Limits(100, 1, 1), None, None, Universe(lambda w: (), lambda r, w: [])),  # type: ignore[arg-type]
        used_weight_header=USED,
        hosts=hosts,
    )


@pytest.fixture
def make(server: Server, redis_client: redis.Redis, key_prefix: str, clock: Clock) -> Iterator[Callable[..., Http]]:
    made = []

    def build(url: str | None = None, of: Venue | None = None, **timeouts: float) -> Http:
        http = Http(of or venue(), url or server.url, redis_client, prefix=key_prefix, clock_ns=clock, jitter=lambda: 0.0, **timeouts)
        made.append(http)
        return http

    yield build
    for http in made:
        http.close()


def get(path: str = "/x", **changes: Any) -> Request:
    return Request("poll", path, **changes)


def test_a_reply(server: Server, make) -> None:
    server.answers["/x"] = Answer(body=gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    reply = make().fetch(get(params={"symbol": "币USDT", "limit": 3}))
    assert (reply.poll, reply.params, reply.body, reply.received_us) == (
        "poll",
        {"symbol": "币USDT", "limit": 3},
        b'{"a":1}',
        NOW_NS // 1000,
    )
    path, headers = server.seen[0]
    assert path == "/x?symbol=%E5%B8%81USDT&limit=3"
    assert (headers["User-Agent"], headers["Accept-Encoding"]) == ("tapefarm", "gzip")


def test_a_body_is_sent_as_json(server: Server, make) -> None:
    reply = make().fetch(get("/books", body=[{"token_id": "币"}], params={"a": 1}))
    assert (server.bodies, reply.params, server.seen[0][0]) == ([b'[{"token_id": "\\u5e01"}]'], {"a": 1}, "/books?a=1")
    assert server.seen[0][1]["Content-Type"] == "application/json"
    make().fetch(get("/books", body=[]))
    assert server.bodies[1:] == [b"[]"]


def test_a_venue_of_several_hosts_names_them_by_the_first_part_of_the_path(server: Server, make) -> None:
    several = venue("http://127.0.0.1:1", data=f"{server.url}/host/", other="http://127.0.0.1:1")
    http = make("http://127.0.0.1:1/", several)
    http.fetch(get("/data/v2/trades", params={"limit": 3}))
    with pytest.raises(TryLater):
        http.fetch(get("/other/x"))
    with pytest.raises(TryLater):
        http.fetch(get("/x"))
    make(server.url + "/all", several).fetch(get("/data/v2/trades"))
    assert [path for path, _ in server.seen] == ["/host/v2/trades?limit=3", "/all/data/v2/trades"]


def test_a_param_may_stand_in_the_path(server: Server, make) -> None:
    reply = make().fetch(get("/of/{what}/x", params={"what": "a/b?c 币", "limit": 3}))
    assert server.seen[0][0] == "/of/a%2Fb%3Fc%20%E5%B8%81/x?limit=3"
    assert reply.params == {"what": "a/b?c 币", "limit": 3}, "what it was about stays told"


def test_a_connection_is_used_again(server: Server, make) -> None:
    http = make()
    for _ in range(3):
        http.fetch(get())
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (429, {}, 5.0),
        (429, {"Retry-After": "soon"}, 5.0),
        (429, {"Retry-After": "0"}, 1.0),
        (429, {"Retry-After": "Sun, 22 Nov 2026 02:00:40 GMT"}, 30.0),
        (429, {"Retry-After": "99999999999"}, 259200.0),
        (418, {}, 120.0),
        (418, {"Retry-After": "600"}, 600.0),
        (408, {}, 5.0),
        (500, {}, 5.0),
        (502, {}, 5.0),
        (503, {"Retry-After": "9"}, 9.0),
    ],
)
def test_statuses_to_try_later(status: int, headers: dict[str, str], seconds: float, server: Server, make) -> None:
    server.answers["/x"] = Answer(status, b'{"code":-1003,"msg":"x"}', headers)
    with pytest.raises(TryLater) as caught:
        make().fetch(get())
    assert caught.value.retry_after_seconds == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, b'{"code":-4166,"msg":"Search window is restricted"}', -4166, "Search window is restricted"),
        (403, b"<html>WAF</html>", None, "<html>WAF</html>"),
        (404, b"", None, "Not Found"),
        (451, b'{"code":0,"msg":"Service unavailable from a restricted location"}', 0, "Service unavailable from a restricted location"),
        (401, b'{"error":{"code":"auth","message":"no key"}}', "auth", "no key"),
        (302, b"", None, "Found"),
        (204, b"", None, "No Content"),
        (400, b"x" * 100_000, None, "Bad Request"),
    ],
)
def test_statuses_that_refuse(status: int, body: bytes, code, message: str, server: Server, make) -> None:
    server.answers["/x"] = Answer(status, body, {"Location": "/elsewhere"})
    with pytest.raises(Refused) as caught:
        make().fetch(get())
    assert (caught.value.status, caught.value.code, caught.value.message) == (status, code, message)
    assert len(server.seen) == 1


# --- budget


def test_two_clients_share_a_minute(server: Server, make, clock: Clock) -> None:
    one, other = make(), make()
    for http in (one, other):
        http.fetch(get(weight=40))
    for http in (one, other):
        with pytest.raises(TryLater, match="weight of this minute") as caught:
            http.fetch(get())
        assert caught.value.retry_after_seconds == pytest.approx(51)
    one.fetch(get(weight=0))
    assert len(server.seen) == 3
    clock.ns += 50 * 10**9
    one.fetch(get(weight=80))


def test_the_venues_own_count_is_heeded(server: Server, make, clock: Clock) -> None:
    http = make()
    server.answers["/x"] = Answer(400, b"{}", {USED: "79"})
    with pytest.raises(Refused):
        http.fetch(get())
    http.fetch(get("/y"))
    with pytest.raises(TryLater):
        http.fetch(get("/y"))


@pytest.mark.parametrize("header", ["3", "", "much", "-5", "1.5"])
def test_a_smaller_or_unreadable_count_changes_nothing(
    header: str, server: Server, make, redis_client: redis.Redis, key_prefix: str
) -> None:
    server.answers["/x"] = Answer(headers={USED: header})
    make().fetch(get(weight=10))
    assert redis_client.get(f"{key_prefix}:budget:demo:used:{NOW_NS // 60_000_000_000}") == b"10"


def test_a_request_that_no_minute_has_room_for_is_a_mistake(make) -> None:
    with pytest.raises(ValueError, match="weighs 81"):
        make().fetch(get(weight=81))


SPENDER = """
import sys, redis
from core.http import Http, TryLater
from core.venue import Limits, Request, Universe, Venue
from tests.core.conftest import NOW_NS, Answer, Clock, Server
address, url, prefix = sys.argv[1:]
http = Http(Venue("demo", "", "", (), (), Limits(100, 1, 1), None, None, Universe(list, list)), url, redis.Redis.from_url(address),
            prefix=prefix, clock_ns=lambda: 1_795_312_810_000_000_000)
for _ in range(100):
    try:
        http.fetch(Request("poll", "/x"))
    except TryLater:
        pass
"""


def test_two_processes_never_spend_more_than_the_budget(server: Server, redis_url: str, key_prefix: str) -> None:
    command = [sys.executable, "-c", SPENDER, redis_url, server.url, key_prefix]
    processes = [subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert len(server.seen) == 80


def test_every_key_expires(server: Server, make, redis_client: redis.Redis, key_prefix: str) -> None:
    server.answers["/x"] = Answer(429)
    server.answers["/y"] = Answer(headers={USED: "50"})
    http = make()
    http.fetch(get("/y"))
    with pytest.raises(TryLater):
        http.fetch(get())
    keys = list(redis_client.scan_iter(match=f"{key_prefix}:*"))
    assert len(keys) == 3
    assert all(0 < redis_client.ttl(key) <= 600 for key in keys)


# --- pauses


@pytest.mark.parametrize("status", [429, 418])
def test_one_clients_pause_stops_all(status: int, server: Server, make, clock: Clock) -> None:
    server.answers["/x"] = Answer(status, headers={"Retry-After": "30"})
    one, other = make(), make()
    with pytest.raises(TryLater):
        one.fetch(get())
    clock.ns += 20 * 10**9
    with pytest.raises(TryLater, match="paused") as caught:
        other.fetch(get("/y", weight=0))
    assert caught.value.retry_after_seconds == pytest.approx(10)
    assert len(server.seen) == 1
    clock.ns += 11 * 10**9
    other.fetch(get("/y"))


def test_pauses_without_retry_after_double_up_to_a_bound(server: Server, make, clock: Clock) -> None:
    server.answers["/x"] = Answer(429)
    http = make()
    waits = []
    for _ in range(9):
        with pytest.raises(TryLater) as caught:
            http.fetch(get(weight=0))
        waits.append(caught.value.retry_after_seconds)
        clock.ns += int(waits[-1] * 10**9) + 10**6
    assert waits == [5, 10, 20, 40, 80, 160, 320, 320, 320]


# --- bounds


@pytest.mark.parametrize("declared", [None, 5000], ids=["by count", "as declared"])
def test_a_body_beyond_the_bound_is_not_read_on(declared: int | None, server: Server, make) -> None:
    server.answers["/x"] = Answer(body=b"x" * 200, trickle_seconds=0.001 if declared is None else 0.0, declared=declared)
    with pytest.raises(ReplyTooLarge):
        make().fetch(get(max_bytes=100))


def test_a_small_body_that_unpacks_beyond_the_bound(server: Server, make) -> None:
    server.answers["/x"] = Answer(body=gzip.compress(bytes(50 << 20)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(ReplyTooLarge):
        make().fetch(get(max_bytes=1 << 20))


def test_a_body_of_exactly_the_bound_is_taken(server: Server, make) -> None:
    server.answers["/x"] = Answer(body=b"x" * 100)
    assert len(make().fetch(get(max_bytes=100)).body) == 100


def test_a_trickling_server_is_given_up(server: Server, make) -> None:
    server.answers["/x"] = Answer(body=b"x" * 400, trickle_seconds=0.01)
    started = time.monotonic()
    with pytest.raises(TryLater, match="trickled"):
        make(total_seconds=0.2, timeout_seconds=2).fetch(get())
    assert time.monotonic() - started < 2


def test_a_silent_server_is_given_up(make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(TryLater, match="Timeout"):
        make(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_seconds=0.1).fetch(get())


def test_a_body_that_breaks_off(server: Server, make) -> None:
    server.answers["/x"] = Answer(body=b"x" * 50, declared=90)
    with pytest.raises(TryLater):
        make().fetch(get())


@pytest.mark.parametrize("encoding", ["gzip"])
def test_a_body_that_is_not_as_encoded_as_it_says(encoding: str, server: Server, make) -> None:
    server.answers["/x"] = Answer(body=b"plain", headers={"Content-Encoding": encoding})
    with pytest.raises(TryLater):
        make().fetch(get())


def test_nobody_listens(make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TryLater, match="ConnectionError"):
        make(f"http://127.0.0.1:{port}").fetch(get())


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://x", "http://"])
def test_an_address_that_is_none(url: str, redis_client: redis.Redis) -> None:
    with pytest.raises(ValueError, match="no address"):
        Http(venue(), url, redis_client, prefix="test")


# --- reading what comes with an error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        (" 12 ", 12.0),
        ("-3", None),
        ("1e9", None),
        ("Sun, 22 Nov 2026 01:00:00 GMT", 1.0),
        ("nan", None),
    ],
)
def test_retry_after(text: str | None, expected: float | None) -> None:
    assert retry_after_seconds(text, NOW_NS) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":-1,"msg":"m"}', (-1, "m")),
        (b'{"error":"words"}', (None, "words")),
        (b'{"code":[1]}', (None, "reason")),
        (b"[1]", (None, "[1]")),
        (b"\xff", (None, "\ufffd")),
        (b"[" * 5000, (None, "[" * 300)),
    ],
)
def test_what_an_error_says(body: bytes, expected) -> None:
    assert explained(body, "reason") == expected


def test_every_request_is_counted_by_its_status(server: Server, make, counted: Callable[..., list[float]]) -> None:
    server.answers["/bad"] = Answer(404)
    for path in ("/x", "/x", "/bad"):
        with suppress(Refused):
            make().fetch(get(path))
    with pytest.raises(TryLater):
        make("http://127.0.0.1:1").fetch(get())
    assert [counted(metrics.REST_REQUESTS, "demo", status) for status in ("200", "404", "none")] == [[2], [1], [1]]


def test_what_was_not_sent_is_no_request(make, counted: Callable[..., list[float]]) -> None:
    make().fetch(get(weight=80))
    with pytest.raises(TryLater, match="spent"):
        make().fetch(get(weight=80))
    assert counted(metrics.REST_REQUESTS, "demo", "200") == [1]
    assert counted(metrics.REST_REQUESTS, "demo", "none") == []
