"""Each stage runs from end to end, small. How fast it was is the benchmark's business, not a test's."""

from collections.abc import Iterable

import pytest

from bench import backfill, console, drain, export, idle, lag, lag_filling, memory, opportunity, reading, rollups, streamer, two_hosts, wire
from bench.farms import farm
from bench.figures import Figure
from bench.servers import Lab

pytestmark = pytest.mark.e2e


def is_well_formed(figures: Iterable[Figure], *names: str) -> bool:
    found = list(figures)
    assert [figure.name for figure in found] == list(names)
    assert all(figure.unit and figure.bar and len(figure.how) > 40 for figure in found)
    return True


def test_drain(lab: Lab) -> None:
    assert is_well_formed(drain.measure(lab, rows=3_000, pairs=1), "drain_vs_copy")


def test_wire(lab: Lab) -> None:
    assert is_well_formed(wire.measure(lab, rows=3_000, pairs=1), "wire_vs_copy")


@pytest.mark.timeout(600)  # three workers and two schedules are started, one after the other
def test_two_hosts(lab: Lab) -> None:
    """It fails when the second host does not take groups over."""
    assert is_well_formed(two_hosts.measure(lab, pairs=1, seconds=5.0), "drain_two_hosts")


def test_backfill(lab: Lab) -> None:
    assert is_well_formed(backfill.measure(lab, rows=3_000, pairs=1), "backfill_vs_copy")


def test_lag(lab: Lab) -> None:
    figures = list(lag.measure(lab, rates=(500,), windows=1, seconds=1.5, warm_seconds=0.5))
    assert is_well_formed(figures, "lag_500_p50", "lag_500_p99")
    assert 0 < figures[0].value <= figures[1].value


def test_lag_while_the_past_is_read(lab: Lab) -> None:
    figures = lag_filling.measure(lab, rate=500, rows=20_000, pairs=1, quiet_seconds=1.5, warm_seconds=0.5)
    assert is_well_formed(figures, "lag_filling_p99")


def test_opportunities(lab: Lab) -> None:
    figures = opportunity.measure(lab, rate=200, markets=6, windows=1, seconds=5.0, warm_seconds=0.5)
    assert is_well_formed(figures, "opportunity_lag")


def test_rollups(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollups, "ROWS", 10_000)
    assert is_well_formed(rollups.measure(lab, minutes=1), "rollup_cpu")


def test_streamer(lab: Lab) -> None:
    assert is_well_formed(streamer.measure(lab, rate=500, pairs=1, seconds=0.5, warm_seconds=0.5), "streamer_us_per_frame")


def test_console(lab: Lab) -> None:
    assert is_well_formed(console.measure(lab, instruments=20, rate=100, asks=3, pause_seconds=0), "console_health", "console_page")


def test_reading(lab: Lab) -> None:
    assert is_well_formed(reading.from_files(lab, symbols=3, seconds=50, quotes=300, runs=1), "bars_from_files", "quotes_from_files")
    assert is_well_formed(reading.from_database(lab, symbols=3, seconds=50, runs=1), "bars_from_database")


def test_export(lab: Lab) -> None:
    assert is_well_formed(figures := export.measure(lab, rows=3_000, symbols=3), "export_seconds", "export_memory")
    assert not any(figure.met for figure in figures) and "SHORTENED" in figures[0].how


def test_a_whole_farm_watched_for_memory_and_cpu() -> None:
    with farm(print, "--rate", "100") as running:
        processes = running.processes()
        assert {"postgres", "redis", "streamer", "beat", "flower", "supervisord", "worker writers"} <= set(processes)
        assert "sandbox" not in processes
        grown = memory.watched(running, 12.0)  # a tenth of it must hold samples of every process, however slow the machine
        quiet = idle.watched(running, 0.5, 0)
    assert is_well_formed([grown, quiet], "memory_growth", "idle_cpu")
    assert not grown.met and "SHORTENED" in grown.how
    assert not running.home.exists()
