"""Tables on a terminal of 80 columns: as their commands make them, with the longest names there are, and no figure cut."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from ops.cli import hours, match_shown, paper, replicas, status, storage, strip
from ops.cli.columns import Columns
from venues import VENUES

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
VENUE = max(VENUES, key=len)
CHANNEL = max((channel.name for venue in VENUES.values() for channel in venue.channels), key=len)
BIG = 1_234_567_890_123


def shown(what: RenderableType, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, color_system=None, highlight=False, emoji=False, soft_wrap=True)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def fits(text: str, width: int = 80) -> bool:
    wide = [line for line in text.splitlines() if len(line.rstrip()) > width or "…" in line]
    assert wide == []
    return True


def test_texts_fold_and_figures_stay_whole() -> None:
    text = shown(Columns(("name", "rows", "state"), [("n" * 100, f"{BIG:,}", "ok")], texts=("name",)))
    assert fits(text) and f"{BIG:,}" in text and text.count("n") >= 100


def test_columns_without_room_are_named_and_the_first_ones_stay() -> None:
    names = [f"column {number}" for number in range(12)]
    text = shown(Columns(names, [[f"{BIG:,}"] * 12]))
    assert fits(text) and text.count(f"{BIG:,}") == 4
    assert "no room for column 4, column 5," in " ".join(text.split()) and "--json" in text
    assert shown(Columns(names, [[f"{BIG:,}"] * 12]), 300).count(f"{BIG:,}") == 12


def test_a_single_word_that_is_too_wide_is_folded_not_cut() -> None:
    text = shown(Columns(("one",), [("x" * 200,)]))
    assert fits(text) and text.count("x") == 200


def test_figures_stand_to_the_right_and_times_do_not() -> None:
    lines = shown(Columns(("a", "b"), [("2.5 GB", "2026-11-01 10:00"), ("13.5 GB", "–")])).splitlines()
    assert [line.rstrip() for line in lines] == ["      a  b", " 2.5 GB  2026-11-01 10:00", "13.5 GB  –"]


# --- what the commands show -----------------------------------------------------------------------------------------------
def stream(**over: Any) -> dict[str, Any]:
    figures = {"instruments": 50_000, "rows_per_s": 123_456.7, "last_data_age_s": 12_345.6, "backlog_entries": 1_234_567}
    return {
        "venue": VENUE,
        "channel": CHANNEL,
        "shard": "12",
        "replica": "standin",
        **figures,
        "lag_ms": {"p50": 1234.5, "p99": 98765.4},
        **over,
    }


def test_status_fits() -> None:
    streams = [stream(channel=channel.name) for venue in VENUES.values() for channel in venue.channels]
    programs = [{"name": f"streamer-{VENUE}-standin", "state": "running", "pid": 4_194_304, "restarts": 1_000}]
    found = {"healthy": False, "reasons": ["x" * 70], "components": programs, "streams": streams, "gaps_open": 10**9, "quarantined": 10**9}
    text = shown(status.render({**found, "backups": {}}))
    assert fits(text) and "123456.7" in text and f"streamer-{VENUE}-standin" in text


def test_storage_fits() -> None:
    table = {
        "table": "a_table_with_a_name_that_is_rather_long_2026",
        **{name: timedelta(days=400) for name in ("compress_after", "drop_after")},
        **dict.fromkeys(("rows", "bytes", "bytes_per_day", "raw_bytes", "compressed_bytes", "compressed_chunks", "chunks"), BIG),
        **dict.fromkeys(("raw_bytes_per_row", "compressed_bytes_per_row", "ratio"), 123.4),
        **dict.fromkeys(("oldest", "newest"), NOW),
    }
    text = shown(storage._tables([table] * 3))
    assert fits(text) and f"{BIG:,}" in text and "1.23 TB" in text and "no room for" in text
    assert "no room for" not in shown(storage._tables([table]), 250)


def test_pairs_paper_and_replicas_fit() -> None:
    market: dict[str, Any] = {f"{name}_{side}": "Will " * 30 for name in ("title",) for side in "ab"}
    market |= {f"{name}_{side}": value for name, value in (("outcomes", [("s", "Yes")]), ("closes_at", NOW)) for side in "ab"}
    row = {"pair_id": 123_456, "state": "suspended", "score": 0.98, "reason": "the rules of a have changed " * 5, "cautions": [], **market}
    scope = {"scope": f"venue {VENUE}", **{f"figure_{number}": 1_234_567.89 for number in range(9)}}
    missed = {"stream": f"{VENUE}:{CHANNEL}:0", "replica": "standin", "had_it": ["a", "b"], "seconds": 12.5, "cause": "no frames for long"}
    for what in (match_shown.table([row] * 3), paper._table([scope]), replicas._table([missed]), replicas._table([])):
        assert fits(shown(what))


@pytest.mark.parametrize("days", [1, 30])
def test_coverage_fits(days: int) -> None:
    hour = {
        "hour": hours.floor(NOW) - timedelta(hours=2),
        "state": "broken",
        "verified": 0,
        "witnessed": 0,
        "unverifiable": 0,
        "broken": 3600,
    }
    channel = {
        "venue": VENUE,
        "channel": CHANNEL,
        "newest_at": NOW,
        "verified": 99.99,
        "clean": 99.99,
        "hours": [hour],
        "judged_until": NOW,
    }
    gap = dict.fromkeys(("first_missing", "last_missing", "from_at", "to_at"))
    gap |= {"gap_id": BIG, "channel": CHANNEL, "symbol": "S" * 80, "shard": "0", "cause": "disconnected", "state": "filling"}
    gap |= {"detail": "d" * 200, "evidence": []}
    found = {"from": NOW - timedelta(days=days), "to": NOW, "channels": [channel | {"behind": [], "strangers": 0}], "stale": 0}
    text = shown(strip.render({**found, "gaps": [gap], "gaps_found": 1}, NOW))
    assert fits(text) and str(BIG) in text.replace("\n", "").replace(" ", "")
