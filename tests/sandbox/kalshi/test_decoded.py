"""What the farm's own code asks of the simulated venue is answered, and all that comes back is read: two readings of the same documents."""

import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from core.history import Page
from core.venue import UNRESOLVED, Frames, Reply, Request, Wanted
from venues.kalshi import VENUE

US = 1_000_000


@pytest.fixture
def credentials(sandbox: Any) -> dict[str, str]:
    return {"key_id": "sandbox", "private_key": (sandbox.root / "keys" / "kalshi.pem").read_text()}


@pytest.fixture
def fetch(sandbox: Any, credentials: dict[str, str]) -> Any:
    """A request as the farm makes it, signed by the venue's own code."""

    def ask(request: Request) -> Reply:
        path, params = request.target()
        glue = "&" if "?" in path else "?"
        url = f"{sandbox.http}/kalshi{path}{glue}{urllib.parse.urlencode(params)}"
        assert VENUE.sign is not None
        headers = VENUE.sign(request, credentials, time.time_ns() // 1000)
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=20) as reply:
            return Reply(request.poll, request.params, reply.read(), time.time_ns() // 1000)

    return ask


def archived(get: Any) -> list[str]:
    return [row["ticker"] for row in get("/historical/markets?limit=3")["markets"]]


@pytest.mark.parametrize("name", [poll.name for poll in VENUE.polls])
def test_what_a_poll_asks_for_is_answered_and_read(name: str, fetch: Any, get: Any, tickers: list[str], poll: Any) -> None:
    one = VENUE.poll(name)
    poll(lambda: get(f"/markets/trades?ticker={tickers[0]}")["trades"])
    symbols = archived(get) if name.startswith("historical") or one.about == UNRESOLVED else tickers[:3]
    rows = 0
    for request in one.requests(symbols, time.time_ns() // 1000):
        assert request.poll == name
        reply = fetch(request)
        for _ in range(3):
            decoded = one.parse(reply)
            assert not decoded.rejected and set(decoded.ignored) <= {"no result yet", "nothing traded", name}
            rows += sum(len(columns["symbol"]) for columns in decoded.rows.values()) + len(decoded.instruments or ())
            after = one.follow(reply) if one.follow else None
            if after is None:
                break
            reply = fetch(after)
    told_apart = {"exchange_status", "exchange_schedule", "event_fee_changes", "account_limits", "historical_cutoff"}
    # A market of the archive may have ended before it traded.
    assert rows or name in told_apart or name.startswith("historical")


def test_the_choice_of_markets_is_the_busiest(fetch: Any, get: Any) -> None:
    wanted = Wanted(5, {})
    pages, (request, *others) = [], VENUE.universe.requests(wanted)
    assert not others and VENUE.universe.follow is not None
    while request is not None:
        pages.append(fetch(request))
        request = VENUE.universe.follow(pages[-1])
    chosen = list(VENUE.universe.rank(pages, wanted))
    everything = get("/markets?status=open&mve_filter=exclude&limit=1000")["markets"]
    assert len(chosen) == 5 and set(chosen) <= {row["ticker"] for row in everything}


def test_everything_a_socket_is_given_is_read_and_its_numbers_have_no_hole(client: Any, tickers: list[str]) -> None:
    for channel in VENUE.channels:
        topics = list(channel.topics) or tickers[:20]
        with client() as peer:
            for command in VENUE.stream.subscribe(channel, topics, 1):
                peer.socket.send(command)
            peer.until(lambda frame: frame["type"] == "subscribed")
            if channel.name == "orderbook_delta":
                for command in VENUE.stream.resync(channel, topics[:2], 2):
                    peer.socket.send(command)
            deadline = time.monotonic() + 2
            while (left := deadline - time.monotonic()) > 0:
                try:
                    peer.receive(left)
                except TimeoutError:
                    break
            frames = [text.encode() for text in peer.texts]
        controls = [VENUE.stream.control(frame) for frame in frames]
        kept = [frame for frame, control in zip(frames, controls, strict=True) if control is None or control.keep]
        assert not [control for control in controls if control is not None and control.type != "ack"]
        decoded = VENUE.decode(channel.name, Frames(b"\n".join(kept), len(kept), np.arange(len(kept)) + 1, lines=True))
        assert not decoded.rejected
        if decoded.numbered is not None:
            for scope in set(decoded.numbered.scopes.tolist()):
                numbers = decoded.numbered.numbers[decoded.numbered.scopes == scope]
                assert numbers.tolist() == list(range(1, len(numbers) + 1))
        if channel.kind:
            kind = "book_changes" if channel.kind == "book_deltas" else channel.kind
            assert len(decoded.rows[kind]["symbol"])


def trade_times(rows: list[dict[str, Any]]) -> list[int]:
    return [round(datetime.fromisoformat(row["created_time"]).timestamp() * US) for row in rows]


@pytest.fixture
def past(walk: Any, tickers: list[str], poll: Any) -> tuple[str, int]:
    """A market that trades, and the begin (us) of the second of its newest trade: before that it has traded, and trades no more."""

    def begun() -> int:
        times = trade_times(walk(f"/markets/trades?ticker={tickers[0]}&limit=1000", "trades"))
        last = max(times, default=0) // US * US
        return last if times and min(times) < last else 0

    return tickers[0], poll(begun)


@pytest.mark.parametrize("channel", ["trade", "candlesticks"])
def test_the_past_page_by_page_is_all_there_was(channel: str, fetch: Any, walk: Any, past: tuple[str, int]) -> None:
    """A market that trades, from its first trade to a moment ago."""
    (market, last), history = past, VENUE.histories[channel]
    parse = VENUE.poll(history.poll).parse
    first = last - 3600 * US
    reached, events, follow = first, [], None
    pages: list[Page] = []
    while reached <= last and len(pages) < 50:
        reply = fetch(follow or history.request(market, reached, last))
        pages.append(history.read(reply))
        decoded = parse(reply)
        assert not decoded.rejected
        events += decoded.rows[history.kind]["event_at"].tolist() if history.kind in decoded.rows else []
        follow, reached = pages[-1].follow, reached if pages[-1].follow else max(reached, pages[-1].reached)
    assert reached > last and follow is None
    within = [us for us in events if first <= us <= last]
    assert within and 0 < sum(page.rows for page in pages) <= len(within)
    if channel == "trade":
        rows = walk(f"/markets/trades?ticker={market}&limit=1000&min_ts={first // US - 1}&max_ts={last // US + 1}", "trades")
        times = trade_times(rows)
        # Rows have milliseconds, and one more may have come in the second that has begun.
        assert len([us for us in times if first <= us // 1000 * 1000 <= last]) == len(within)


def test_a_signature_of_another_time_or_path_is_refused(sandbox: Any, credentials: dict[str, str]) -> None:
    (request,) = VENUE.poll("account_limits").requests((), 0)
    assert VENUE.sign is not None
    late = VENUE.sign(request, credentials, time.time_ns() // 1000 - 60 * US)
    elsewhere = VENUE.sign(Request("x", "/trade-api/v2/portfolio"), credentials, time.time_ns() // 1000)
    for headers in (late, elsewhere, {}):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(urllib.request.Request(f"{sandbox.http}/kalshi{request.target()[0]}", headers=dict(headers)), timeout=20)
