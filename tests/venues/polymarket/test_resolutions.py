"""Who won, as Gamma and the CLOB say it."""

import json
from typing import Any

import pytest

from core.venue import Reply
from tests.venues.polymarket.frames import MARKET, NO, YES, lists
from tests.venues.polymarket.test_listings import ENTRY
from venues.errors import BadReply
from venues.polymarket.resolutions import parse_resolutions, request_resolutions

NOW_US = 1_795_300_000_000_000
HOUR_US = NOW_US // 3_600_000_000 * 3_600_000_000
UPDATED_HOUR_US = 1783317600000000  # 06:00 of the day in ENTRY
CLOSED = {"closed": True, "closedTime": "2026-07-24 00:00:16+00"}
CLOSED_US = 1784851216000000


def gamma(*changes: dict[str, Any]) -> bytes:
    return json.dumps({"markets": [ENTRY | change for change in changes]}).encode()


def clob(*, closed: bool = True, winners: tuple[bool, bool] = (False, True), **more: Any) -> bytes:
    tokens = [{"token_id": token, "price": int(won), "winner": won} for token, won in zip((YES, NO), winners, strict=True)]
    return json.dumps({"condition_id": MARKET, "closed": closed, "tokens": tokens} | more).encode()


def told(body: bytes) -> list[tuple[Any, ...]]:
    decoded = parse_resolutions(Reply("resolutions", {}, body, NOW_US))
    assert not decoded.rejected
    if not decoded.rows:
        assert decoded.ignored == {"nothing decided": 1}
        return []
    columns = lists(decoded.rows["resolutions"])
    assert set(columns["received_at"]) == {NOW_US}
    return list(zip(*(columns[name] for name in ("symbol", "event_at", "source", "status", "payout")), strict=True))


def both(event_us: int, source: str, status: str, *paid: float | None) -> list[tuple[Any, ...]]:
    return [(token, event_us, source, status, payout) for token, payout in zip((YES, NO), paid, strict=True)]


GAMMA = [
    pytest.param({}, [], id="open"),
    pytest.param({"outcomePrices": '["0.9995", "0.0005"]'}, [], id="near the end"),
    pytest.param({"outcomePrices": '["1", "0"]'}, [], id="a price of 1 while it trades is no result"),
    pytest.param({"umaResolutionStatus": "proposed"}, both(UPDATED_HOUR_US, "gamma", "proposed", None, None), id="proposed"),
    pytest.param({"umaResolutionStatus": "disputed"}, both(UPDATED_HOUR_US, "gamma", "disputed", None, None), id="disputed"),
    pytest.param(
        CLOSED | {"umaResolutionStatus": "proposed", "outcomePrices": '["1", "0"]'},
        both(UPDATED_HOUR_US, "gamma", "proposed", None, None),
        id="proposed is not resolved, though it closed",
    ),
    pytest.param(
        CLOSED | {"umaResolutionStatus": "resolved", "outcomePrices": '["0", "1"]'},
        both(CLOSED_US, "gamma", "resolved", 0.0, 1.0),
        id="resolved",
    ),
    pytest.param(CLOSED | {"outcomePrices": ["1", "0"]}, both(CLOSED_US, "gamma", "resolved", 1.0, 0.0), id="by another resolver"),
    pytest.param(
        CLOSED | {"umaResolutionStatus": "resolved", "outcomePrices": '["0.5", "0.5"]'},
        both(CLOSED_US, "gamma", "resolved", 0.5, 0.5),
        id="halves",
    ),
    pytest.param(CLOSED | {"outcomePrices": '["0", "0"]'}, both(CLOSED_US, "gamma", "void", 0.0, 0.0), id="nothing"),
    pytest.param(CLOSED | {"outcomePrices": '["0.97", "0.03"]'}, [], id="closed and not decided"),
    pytest.param(CLOSED | {"outcomePrices": None}, [], id="closed without prices"),
    pytest.param(CLOSED | {"outcomePrices": '["yes", "no"]'}, [], id="prices that are none"),
    pytest.param(
        CLOSED | {"umaResolutionStatus": "resolved", "outcomePrices": '["0", "1"]', "umaResolutionStatuses": '["proposed", "disputed"]'},
        both(CLOSED_US, "gamma", "resolved", 0.0, 1.0) + both(CLOSED_US, "gamma", "disputed", None, None),
        id="a dispute between two looks",
    ),
    pytest.param({"closed": True, "outcomePrices": '["0", "1"]'}, both(UPDATED_HOUR_US, "gamma", "resolved", 0.0, 1.0), id="no time"),
]


@pytest.mark.parametrize(("changes", "rows"), GAMMA)
def test_what_gamma_says(changes: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    assert told(gamma(changes)) == rows


CLOB = [
    pytest.param(clob(), both(HOUR_US, "clob", "resolved", 0.0, 1.0), id="a winner"),
    pytest.param(clob(winners=(True, False)), both(HOUR_US, "clob", "resolved", 1.0, 0.0), id="the other"),
    pytest.param(clob(winners=(False, False)), [], id="closed without a winner"),
    pytest.param(clob(closed=False), [], id="open"),
    pytest.param(clob(winners=(False, False), is_50_50_outcome=True), both(HOUR_US, "clob", "resolved", 0.5, 0.5), id="halves"),
    pytest.param(clob(tokens=[{"token_id": "", "winner": False}] * 2), [], id="without tokens"),
]


@pytest.mark.parametrize(("body", "rows"), CLOB)
def test_what_the_clob_says(body: bytes, rows: list[tuple[Any, ...]]) -> None:
    assert told(body) == rows


def test_a_broken_entry_costs_none_of_its_neighbours() -> None:
    body = gamma(CLOSED | {"outcomePrices": '["0", "1"]'}, {"conditionId": 7}, CLOSED | {"outcomePrices": "[0"})
    decoded = parse_resolutions(Reply("resolutions", {}, body, NOW_US))
    assert [rejected.frame for rejected in decoded.rejected] == [1, 2]
    assert lists(decoded.rows["resolutions"])["symbol"] == [YES, NO]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"data":[]}', b'{"condition_id":"0x1"}'])
def test_what_is_neither_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(BadReply):
        parse_resolutions(Reply("resolutions", {}, body, NOW_US))


def test_both_sources_are_asked_about_every_market() -> None:
    ids = [f"0x{number:064x}" for number in range(120)]
    requests = request_resolutions(ids, NOW_US)
    paged = [request.path for request in requests if request.path.startswith("/gamma/")]
    assert len(paged) == 6 and sum("closed=true" in path for path in paged) == 3 and max(map(len, paged)) < 5000
    for condition in ids:
        assert sum(condition in path for path in paged) == 2
    assert [request.path for request in requests if request.path not in paged] == [f"/clob/markets/{condition}" for condition in ids]
    assert request_resolutions([], NOW_US) == []
