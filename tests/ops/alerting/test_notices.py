"""What people read."""

from ops.alerting.judge import ALERT, RECOVERY, STILL, Alert, Message
from ops.alerting.notices import LISTED, Day, daily, notice

NOON = 1_795_348_800.0
SILENT = Alert("venue-silent", "binance", "critical", NOON, 75.0, "no data for 75 s", "venue-silent.md", NOON)
DISK = Alert("disk", "/data", "warning", NOON - 3600, 85.0, "85 % are in use", "disk.md", NOON - 3000, cleared=NOON - 60)


def test_one_alert() -> None:
    told = notice("Tapefarm on here", [Message(ALERT, SILENT, NOON + 75)], "https://docs/runbooks")
    assert told.title == "Tapefarm on here: critical: venue-silent binance"
    assert told.severity == "critical"
    assert told.body.splitlines() == [
        "CRITICAL: venue-silent binance",
        "no data for 75 s",
        "since 2026-11-22 12:00:00 UTC",
        "what to do: https://docs/runbooks/venue-silent.md",
    ]


def test_the_messages_of_a_look_are_one_notice_with_the_worst_first() -> None:
    told = notice("F", [Message(RECOVERY, DISK, NOON), Message(STILL, DISK, NOON), Message(ALERT, SILENT, NOON)], "r")
    assert (told.title, told.severity) == ("F: critical: venue-silent binance and 2 more", "critical")
    heads = [part.splitlines()[0] for part in told.body.split("\n\n")]
    assert heads == ["CRITICAL: venue-silent binance", "STILL WARNING: disk /data", "OVER: disk /data"]
    assert "from 2026-11-22 11:00:00 UTC to 2026-11-22 11:59:00 UTC" in told.body


def test_good_news_alone_is_marked_so() -> None:
    told = notice("F", [Message(RECOVERY, DISK, NOON)], "r")
    assert (told.title, told.severity) == ("F: over: disk /data", "over")


def test_a_storm_is_cut_and_says_where_the_rest_is() -> None:
    told = notice("F", [Message(ALERT, SILENT, NOON)] * (LISTED + 5), "r")
    assert told.body.count("CRITICAL") == LISTED
    assert told.body.endswith("and 5 more: ./farm alert list")


def test_the_days_word_has_the_days_figures() -> None:
    figures = {"rows": 1_234_567, "opened": 3, "filled": 2, "restarts": 1}
    told = daily("F", Day(NOON, figures, {"/data": 41.6}, ["11-22 13:00 disk /data: 85 %"]), [])
    assert (told.title, told.severity) == ("F: all is well", "info")
    assert told.body.splitlines() == [
        "since 2026-11-22 12:00:00 UTC",
        "  rows: 1,234,567",
        "  gaps found: 3",
        "  of them filled by now: 2",
        "  restarts: 1",
        "  disk of /data: 42 %",
        "fired: 11-22 13:00 disk /data: 85 %",
    ]


def test_the_days_word_does_not_call_well_what_is_not() -> None:
    told = daily("F", Day(NOON), [SILENT])
    assert (told.title, told.severity) == ("F: an alert is firing", "warning")
    assert "firing: venue-silent binance, since 2026-11-22 12:00:00 UTC: no data for 75 s" in told.body
    assert daily("F", Day(NOON), [SILENT, DISK]).title == "F: 2 alerts are firing"
