"""core.http at a venue that counts by tokens of the second, or wants each request signed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import redis

from core.http import Http, Paced
from core.venue import Limits, Request, Venue
from tests.core.conftest import NOW_NS, Clock, Server
from tests.core.test_http import get, venue

Make = Callable[..., Http]


@pytest.fixture
def make(server: Server, redis_client: redis.Redis, key_prefix: str, clock: Clock) -> Iterator[Make]:
    made = []

    def build(of: Venue, **options: Any) -> Http:
        made.append(Http(of, server.url, redis_client, prefix=key_prefix, clock_ns=clock, jitter=lambda: 0.0, **options))
        return made[-1]

    yield build
    for http in made:
        http.close()


BUCKET = Limits(10_000, 1, 1, weight_per_second=50.0, burst=100)  # of which four fifths are ours: 40 a second, 80 held


def test_two_clients_share_a_bucket_that_refills(server: Server, make: Make, clock: Clock) -> None:
    one, other = (make(of=replace(venue(), limits=BUCKET)) for _ in range(2))
    one.fetch(get(weight=50))
    other.fetch(get(weight=20))
    for http in (one, other):
        with pytest.raises(Paced, match="tokens of this moment") as caught:
            http.fetch(get(weight=20))
        assert caught.value.retry_after_seconds == pytest.approx(0.25)
    clock.ns += 250_000_000
    one.fetch(get(weight=20))
    with pytest.raises(Paced):
        other.fetch(get(weight=1))
    clock.ns += 3_600 * 10**9
    other.fetch(get(weight=80))
    with pytest.raises(Paced):
        one.fetch(get(weight=1))


def test_a_clock_that_is_behind_another_gains_no_tokens(server: Server, make: Make, clock: Clock) -> None:
    http = make(of=replace(venue(), limits=BUCKET))
    http.fetch(get(weight=80))
    clock.ns -= 5_000_000_000
    for _ in range(2):
        with pytest.raises(Paced):
            http.fetch(get(weight=1))
    clock.ns += 5_000_000_000
    with pytest.raises(Paced):
        http.fetch(get(weight=1))


def test_a_request_that_no_bucket_holds_is_a_mistake(make: Make) -> None:
    with pytest.raises(ValueError, match="weighs 81, and the budget is 80"):
        make(of=replace(venue(), limits=BUCKET)).fetch(get(weight=81))


def test_each_attempt_is_signed_where_there_are_credentials(server: Server, make: Make, clock: Clock) -> None:
    def sign(request: Request, credentials: Mapping[str, str], now_us: int) -> dict[str, str]:
        return {"X-Signed": f"{credentials['key_id']} {request.path} {now_us}"}

    signed = replace(venue(), sign=sign)
    http = make(of=signed, credentials={"key_id": "me"})
    http.fetch(get(params={"a": 1}))
    clock.ns += 1_000_000_000
    http.fetch(get())
    make(of=signed).fetch(get())
    make(of=venue(), credentials={"key_id": "me"}).fetch(get())
    told = [headers.get("X-Signed") for _, headers in server.seen]
    assert told == [f"me /x {NOW_NS // 1000}", f"me /x {NOW_NS // 1000 + 1_000_000}", None, None]
