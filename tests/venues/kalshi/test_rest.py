"""Kalshi's polls: how often they run, walks by cursor, trades, candles, pauses, and what is kept as sent."""

import json

import pytest

from core.venue import Reply
from tests.venues.kalshi.messages import MARKET, UUID, lists, trade
from tests.venues.kalshi.replies import NOW_S, NOW_US, VENUE, parse
from venues.errors import BadReply
from venues.kalshi.frames import decode


def test_the_polls_and_how_often_they_run() -> None:
    assert [(poll.name, poll.every_seconds, poll.about, poll.queue, poll.login) for poll in VENUE.polls] == [
        ("series", 3600, "venue", "metadata", None),
        ("events", 3600, "venue", "metadata", None),
        ("events_updated", 120, "venue", "metadata", None),
        ("settlements", 120, "unresolved", "snapshots", None),
        ("markets", 60, "instruments", "snapshots", None),
        ("orderbooks", None, "instruments", "snapshots", True),
        ("orderbook_snapshots", 900, "instruments", "snapshots", True),
        ("orderbook", 60, "instruments", "snapshots", False),
        ("trades", 60, "venue", "snapshots", None),
        ("candlesticks", 60, "instruments", "snapshots", None),
        ("exchange_status", 30, "venue", "snapshots", None),
        ("exchange_schedule", 3600, "venue", "snapshots", None),
        ("series_fee_changes", 3600, "venue", "metadata", None),
        ("event_fee_changes", 3600, "venue", "metadata", None),
        ("account_limits", 3600, "venue", "snapshots", True),
        ("historical_cutoff", 3600, "venue", "snapshots", None),
        ("market_trades", None, "instruments", "backfill", None),
        ("historical_trades", None, "instruments", "backfill", None),
        ("historical_candlesticks", None, "instruments", "backfill", None),
    ]


# --- walks

WALKS = ("events", "events_updated", "trades", "event_fee_changes")


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_goes_on_behind_the_cursor_with_the_same_request(name: str) -> None:
    poll = VENUE.poll(name)
    (first,) = poll.requests((), NOW_US)
    assert poll.follow is not None and poll.max_pages > 1
    after = poll.follow(Reply(name, first.params, b'{"cursor":"CgwIuKKp"}', NOW_US))
    assert after is not None
    assert (after.path, after.weight, after.max_bytes, after.poll) == (first.path, first.weight, first.max_bytes, first.poll)
    assert dict(after.params) == {**first.params, "cursor": "CgwIuKKp"}
    third = poll.follow(Reply(name, after.params, b'{"cursor":"other"}', NOW_US))
    assert third is not None and third.params["cursor"] == "other"


@pytest.mark.parametrize("body", [b'{"cursor":""}', b'{"cursor":null}', b"{}"])
def test_a_walk_ends_where_there_is_no_cursor(body: bytes) -> None:
    assert VENUE.poll("trades").follow(Reply("trades", {}, body, NOW_US)) is None


@pytest.mark.parametrize("body", [b'{"cursor":7}', b"[]", b"busy"])
def test_a_page_whose_cursor_cannot_be_read_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply):
        VENUE.poll("trades").follow(Reply("trades", {}, body, NOW_US))


# --- trades

FILL = {
    "trade_id": UUID,
    "ticker": MARKET,
    "count_fp": "228.27",
    "yes_price_dollars": "0.4700",
    "no_price_dollars": "0.5300",
    "taker_outcome_side": "no",
    "taker_book_side": "ask",
    "taker_side": "no",
    "created_time": "2026-08-11T00:15:33.463921Z",
    "is_block_trade": False,
}


@pytest.mark.parametrize("poll", ["trades", "market_trades", "historical_trades"])
def test_a_trade_over_rest_has_the_key_of_its_message_on_the_stream(poll: str, batch) -> None:
    told = parse(poll, {"trades": [FILL], "cursor": ""}).rows["trades"]
    sent = decode("trade", batch([trade()])).rows["trades"]
    left_out = {"received_at", "frame"}
    assert {k: v for k, v in lists(told).items() if k not in left_out} == {k: v for k, v in lists(sent).items() if k not in left_out}


def test_trades_of_the_whole_exchange_of_the_last_minutes_in_one_walk() -> None:
    (request,) = VENUE.poll("trades").requests(["A", "B"], NOW_US)
    assert dict(request.params) == {"min_ts": NOW_S - 180, "limit": 1000}


@pytest.mark.parametrize(
    "change",
    [{"trade_id": "7"}, {"count_fp": "0.00"}, {"yes_price_dollars": "1.5"}, {"created_time": "0001-01-01T00:00:00Z"}, {"ticker": ""}],
)
def test_a_trade_that_cannot_be_read_is_rejected_and_its_neighbours_are_kept(change) -> None:
    decoded = parse("trades", {"trades": [{**FILL, **change}, FILL], "cursor": ""})
    assert len(decoded.rows["trades"]["symbol"]) == 1 and [one.frame for one in decoded.rejected] == [0]


# --- candles

PRICES = {name: f"0.4{place}00" for place, name in enumerate(("open", "high", "low", "close"))}
MINUTE = NOW_S // 60 * 60


def candle(end: int, *, suffix: str = "_dollars", traded: bool = True):
    price = {f"{name}{suffix}": value if traded else None for name, value in {**PRICES, "mean": "0.4200", "previous": "0.4000"}.items()}
    volume = {"volume_fp" if suffix else "volume": "12.50" if traded else "0.00", "open_interest_fp": "9.00"}
    return {"end_period_ts": end, "price": price, "yes_bid": {}, "yes_ask": {}, **volume}


def test_candles_of_many_markets() -> None:
    one, other = (
        {"market_ticker": "A", "candlesticks": [candle(MINUTE), candle(MINUTE + 60)]},
        {"market_ticker": "B", "candlesticks": [candle(MINUTE)]},
    )
    decoded = parse("candlesticks", {"markets": [one, other]})
    assert lists(decoded.rows["candles"]) == {
        "symbol": ["A", "A", "B"],
        "event_at": [(MINUTE - 60) * 1_000_000, MINUTE * 1_000_000, (MINUTE - 60) * 1_000_000],
        "received_at": [NOW_US] * 3,
        "interval_seconds": [60] * 3,
        "open": [0.4] * 3,
        "high": [0.41] * 3,
        "low": [0.42] * 3,
        "close": [0.43] * 3,
        "volume": [12.5] * 3,
        "closed": [True, False, True],
    }


def test_candles_of_the_archive_have_the_same_values_under_other_names() -> None:
    new = parse("candlesticks", {"markets": [{"market_ticker": "A", "candlesticks": [candle(MINUTE)]}]})
    old = parse("historical_candlesticks", {"ticker": "A", "candlesticks": [candle(MINUTE, suffix="")]})
    assert lists(old.rows["candles"]) == lists(new.rows["candles"])


def test_a_minute_in_which_nothing_traded_is_no_candle() -> None:
    decoded = parse("candlesticks", {"markets": [{"market_ticker": "A", "candlesticks": [candle(MINUTE, traded=False), candle(MINUTE)]}]})
    assert len(decoded.rows["candles"]["symbol"]) == 1 and decoded.ignored == {"nothing traded": 1}


def test_a_candle_is_closed_once_the_reply_came_two_seconds_after_its_end() -> None:
    page = {"markets": [{"market_ticker": "A", "candlesticks": [candle(MINUTE)]}]}
    closed = [
        parse("candlesticks", page, received_us=MINUTE * 1_000_000 + us).rows["candles"]["closed"].tolist() for us in (2_000_000, 2_000_001)
    ]
    assert closed == [[False], [True]]


def test_candles_that_cannot_be_read_are_rejected_by_their_place_among_all() -> None:
    page = [{"market_ticker": "A", "candlesticks": [candle(MINUTE), {}]}, {"market_ticker": "B", "candlesticks": ["x", candle(MINUTE)]}]
    decoded = parse("candlesticks", {"markets": page})
    assert decoded.rows["candles"]["symbol"] == ["A", "B"] and [one.frame for one in decoded.rejected] == [1, 2]


@pytest.mark.parametrize("page", [{"markets": [{"candlesticks": []}]}, {"markets": [{"market_ticker": "A"}]}, {}])
def test_candles_of_no_market_are_bad(page) -> None:
    with pytest.raises(BadReply):
        parse("candlesticks", page)


def test_candles_are_asked_for_by_the_hundred_over_the_last_minutes() -> None:
    first, second = VENUE.poll("candlesticks").requests([f"M{n}" for n in range(101)], NOW_US)
    assert first.params["market_tickers"].count(",") == 99 and second.params["market_tickers"] == "M100"
    assert (first.params["end_ts"], first.params["start_ts"], first.params["period_interval"]) == (NOW_S + 60, NOW_S - 120, 1)


# --- pauses


@pytest.mark.parametrize(
    ("exchange", "trading", "reason"),
    [(True, True, None), (True, False, "trading paused"), (False, False, "exchange closed"), (False, True, "exchange closed")],
)
def test_a_pause_is_what_the_exchange_says_of_now(exchange: bool, trading: bool, reason: str | None) -> None:
    told = {"exchange_active": exchange, "trading_active": trading, "exchange_estimated_resume_time": "2026-08-13T09:00:00Z"}
    pauses = parse("exchange_status", told).pauses
    assert [(pause.reason, pause.since_us, pause.until_us) for pause in pauses] == ([] if reason is None else [(reason, NOW_US, None)])


SCHEDULE = {
    "schedule": {
        "standard_hours": [{"start_time": "x", "monday": []}],
        "maintenance_windows": [{"start_datetime": "2026-08-13T07:00:00Z", "end_datetime": "2026-08-13T05:00:00-04:00"}],
    }
}


def test_windows_of_maintenance_are_pauses_with_both_ends() -> None:
    (pause,) = parse("exchange_schedule", SCHEDULE).pauses
    assert (pause.reason, pause.since_us, pause.until_us) == ("maintenance window", 1_786_604_400_000_000, 1_786_611_600_000_000)


def test_a_schedule_without_windows_says_nothing() -> None:
    assert parse("exchange_schedule", {"schedule": {"maintenance_windows": []}}).pauses is None


def test_a_window_that_cannot_be_read_is_rejected() -> None:
    windows = [{"start_datetime": "soon"}, *SCHEDULE["schedule"]["maintenance_windows"]]
    decoded = parse("exchange_schedule", {"schedule": {"maintenance_windows": windows}})
    assert len(decoded.pauses) == 1 and [one.frame for one in decoded.rejected] == [0]


# --- what is kept as sent

KEPT = {
    "account_limits": {"usage_tier": "basic", "read": {"refill_rate": 200, "bucket_capacity": 400}, "write": {}},
    "historical_cutoff": {"market_settled_ts": "2026-05-11T00:00:00Z", "trades_created_ts": "2026-05-11T00:00:00Z"},
}


@pytest.mark.parametrize("poll", KEPT)
def test_what_has_no_table_is_kept_as_sent(poll: str) -> None:
    decoded = parse(poll, KEPT[poll])
    assert decoded.rows == {} and decoded.ignored == {poll: 1}


@pytest.mark.parametrize("poll", KEPT)
def test_a_reply_that_does_not_hold_what_it_should_is_bad(poll: str) -> None:
    with pytest.raises(BadReply):
        parse(poll, {"error": "too many requests"})


def test_the_tier_of_the_account_says_what_may_be_asked() -> None:
    allowance = VENUE.poll("account_limits").allowance
    assert allowance is not None
    body = {**KEPT["account_limits"], "read": {"refill_rate": 1000, "bucket_capacity": 2000.0}}
    assert allowance(Reply("account_limits", {}, json.dumps(body).encode(), NOW_US)) == (1000, 2000)


# --- changes of fees

FEES = {"id": "c-1", "series_ticker": "KXGOLD15M", "fee_type": "quadratic", "fee_multiplier": 0.5, "scheduled_ts": "2026-08-11T00:00:00Z"}
OVERRIDE = {"id": "c-2", "event_ticker": "E", "series_ticker": "S", "scheduled_ts": "2026-08-11T00:00:00Z", "fee_type_override": None}


@pytest.mark.parametrize(
    ("poll", "body", "symbol", "attributes"),
    [
        (
            "series_fee_changes",
            {"series_fee_change_arr": [FEES]},
            "fee change c-1",
            {"series_ticker": "KXGOLD15M", "fee_type": "quadratic", "fee_multiplier": 0.5},
        ),
        (
            "event_fee_changes",
            {"event_fee_changes": [OVERRIDE], "cursor": ""},
            "fee change c-2",
            {"event_ticker": "E", "series_ticker": "S", "fee_type_override": None},
        ),
    ],
)
def test_a_change_of_fees_is_kept_from_when_it_is_planned(poll: str, body: dict, symbol: str, attributes: dict) -> None:
    (row,) = parse(poll, body).instruments
    assert (row.symbol, row.contract_type, row.attributes) == (symbol, "fee change", attributes)
    assert row.listed_at_us == 1_786_406_400_000_000


@pytest.mark.parametrize("change", [{"id": ""}, {"id": "a\0"}, {"scheduled_ts": "soon"}, {"scheduled_ts": "0001-01-01T00:00:00Z"}])
def test_a_change_of_fees_that_cannot_be_read_is_rejected(change: dict) -> None:
    decoded = parse("series_fee_changes", {"series_fee_change_arr": [FEES | change, FEES]})
    assert len(decoded.instruments) == 1 and [one.frame for one in decoded.rejected] == [0]


@pytest.mark.parametrize("poll", ["series_fee_changes", "event_fee_changes"])
def test_changes_of_fees_that_are_none_are_bad(poll: str) -> None:
    with pytest.raises(BadReply):
        parse(poll, {"error": "too many requests"})


def test_the_archive_names_its_market_in_the_path() -> None:
    (request,) = VENUE.poll("historical_candlesticks").requests(["KX A"], NOW_US)
    path, params = request.target()
    assert path == "/trade-api/v2/historical/markets/KX%20A/candlesticks" and "ticker" not in params
