"""Statements as Grafana's data source for PostgreSQL would send them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.ops.grafana.expanding import Moment, seconds

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENT = Moment(NOON, NOON + timedelta(hours=2), {"venue": "it's", "plain": "x", "venues": ["a", "b.c"]})


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("$__timeFilter(event_at)", "event_at BETWEEN '2026-11-20T12:00:00Z' AND '2026-11-20T14:00:00Z'"),
        ("at > $__timeFrom() AND at < $__timeTo()", "at > '2026-11-20T12:00:00Z' AND at < '2026-11-20T14:00:00Z'"),
        ("$__timeGroupAlias(bucket, $__interval)", "time_bucket('7.000s',bucket) AS \"time\""),
        ("$__timeGroup(bucket, '5m')", "time_bucket('300.000s',bucket)"),
        ("venue = ${venue:sqlstring}", "venue = 'it''s'"),
        ("venue IN (${venues:sqlstring})", "venue IN ('a','b.c')"),
    ],
)
def test_a_statement(written: str, sent: str) -> None:
    assert MOMENT.sql(written) == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('rate(rows{venue="$plain"}[$__rate_interval])', 'rate(rows{venue="x"}[60s])'),
        ('gaps{venue=~"$venues"}', 'gaps{venue=~"(a|b\\\\.c)"}'),
    ],
)
def test_an_expression(written: str, sent: str) -> None:
    assert MOMENT.promql(written) == sent


@pytest.mark.parametrize("written", ["venue = '$venue'", "venue = ${venue}", "$__unknown(x)", "$nobody"])
def test_what_would_go_wrong_is_refused(written: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        MOMENT.sql(written)


def test_intervals() -> None:
    assert [seconds(text) for text in ("500ms", "5s", "1.5m", "1d")] == [0.5, 5, 90, 86400]
    with pytest.raises(ValueError, match="no interval"):
        seconds("soon")
