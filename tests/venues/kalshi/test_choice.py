"""What of Kalshi is recorded: which requests say it, how it is ranked, and options that cannot be used."""

import pytest

from core.venue import Wanted
from tests.venues.kalshi.replies import NOW_US, VENUE, listed, markets, reply
from venues.errors import BadReply

UNIVERSE = VENUE.universe


def market(name: str, **changes):
    return listed(ticker=name, **changes)


def rank(*pages, top: int = 99, **wanted) -> list[str]:
    return list(UNIVERSE.rank([reply("universe", markets(*page)) for page in pages], Wanted(top, wanted)))


def test_open_markets_without_combos_in_one_walk() -> None:
    (request,) = UNIVERSE.requests(Wanted(10, {}))
    assert (request.path, dict(request.params)) == ("/trade-api/v2/markets", {"status": "open", "limit": 1000, "mve_filter": "exclude"})
    after = UNIVERSE.follow(reply("universe", {"cursor": "c", "markets": []}, **request.params))
    assert dict(after.params) == {**request.params, "cursor": "c"}
    assert UNIVERSE.follow(reply("universe", markets())) is None


def test_combos_and_chosen_series() -> None:
    requests = UNIVERSE.requests(Wanted(10, {"series": ["KXA", "KXB"], "combos": True}))
    assert [dict(request.params) for request in requests] == [
        {"status": "open", "limit": 1000, "series_ticker": series} for series in ("KXA", "KXB")
    ]


PAGES = (
    [market("A", volume_24h_fp="5.00", volume_fp="1.00", open_interest_fp="3.00", close_time="2026-08-12T00:00:00Z")],
    [
        market("B", volume_24h_fp="9.50", volume_fp="2.00", open_interest_fp="1.00", close_time="2026-08-11T00:30:00Z"),
        market("C", volume_24h_fp=None, volume_fp="3.00", open_interest_fp="2.00", close_time="2026-08-11T00:16:00Z"),
    ],
)


@pytest.mark.parametrize(
    ("by", "order"),
    [("volume_24h", ["B", "A", "C"]), ("volume", ["C", "B", "A"]), ("open_interest", ["A", "C", "B"]), ("soonest", ["C", "B", "A"])],
)
def test_the_largest_of_all_pages(by: str, order: list[str]) -> None:
    assert rank(*PAGES, by=by) == order
    assert rank(*PAGES, by=by, top=2) == order[:2]
    assert rank(*reversed(PAGES), by=by) == order


def test_by_volume_of_a_day_where_nothing_else_is_said() -> None:
    assert rank(*PAGES) == rank(*PAGES, by="volume_24h")


def test_only_what_closes_soon_where_that_is_asked_for() -> None:
    assert rank(*PAGES, closes_within_hours=1.0) == ["B", "C"]
    assert rank(*PAGES, closes_within_hours=0.1) == ["C"]
    assert rank([market("D", close_time=None)], closes_within_hours=1.0) == []


def test_a_market_on_two_pages_of_a_moving_walk_counts_once() -> None:
    assert rank(PAGES[0], PAGES[0], PAGES[1]) == ["B", "A", "C"]


def test_a_market_that_cannot_be_read_is_passed_over() -> None:
    assert rank([market("A", volume_24h_fp="x"), market("B"), {"ticker": ""}]) == ["B"]


def test_ranking_without_a_reply_or_a_list_is_no_empty_choice() -> None:
    with pytest.raises(BadReply):
        rank()
    with pytest.raises(BadReply):
        UNIVERSE.rank([reply("universe", {"error": "x"})], Wanted(5, {}))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"by": "luck"}, r"by = 'luck': give one of volume_24h, volume, open_interest, soonest"),
        ({"closes_within_hours": -1.0}, r"closes_within_hours = -1.0: give 0 or more"),
        ({"closes_within_hours": float("nan")}, r"give 0 or more"),
        ({"serie": ["KXA"]}, r"serie: no such option; there are: by, series, closes_within_hours, combos"),
        ({"series": "KXA"}, r"series = 'KXA': give a list of texts"),
    ],
)
def test_an_option_that_cannot_be_used_is_a_sentence(wanted, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        UNIVERSE.requests(Wanted(99, wanted))


def test_the_clock_of_a_reply_says_what_is_soon() -> None:
    late = [reply("universe", markets(*page), received_us=NOW_US + 86_400_000_000 * 30) for page in PAGES]
    assert set(UNIVERSE.rank(late, Wanted(99, {"closes_within_hours": 0.5}))) == {"A", "B", "C"}
