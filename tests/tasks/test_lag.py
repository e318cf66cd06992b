"""Lag figures over a sliding window."""

from threading import Thread

import numpy as np

from tasks.lag import MAX_BATCHES, SAMPLE, WINDOW_SECONDS, Lag

NOW = 1_800_000_000_000_000


def test_percentiles_are_of_receive_to_commit_in_milliseconds() -> None:
    lag = Lag()
    lag.add("s", NOW, [np.arange(NOW - 100_000, NOW, 1000)], 100)
    found = lag.summary("s", NOW)
    assert (round(found["p50_ms"], 0), round(found["p99_ms"], 0)) == (50, 99)


def test_nothing_lately_is_no_figure_rather_than_an_old_one() -> None:
    lag = Lag()
    lag.add("s", NOW, [np.array([NOW - 5000])], 1)
    assert lag.summary("s", NOW + (WINDOW_SECONDS + 1) * 1_000_000) == {"rows_per_s": 0.0, "p50_ms": None, "p99_ms": None}
    assert lag.summary("never", NOW)["p50_ms"] is None


def test_rate_is_rows_over_the_window() -> None:
    lag = Lag()
    for second in range(WINDOW_SECONDS):
        lag.add("s", NOW + second * 1_000_000, [np.array([NOW])], 500)
    assert 450 < lag.summary("s", NOW + WINDOW_SECONDS * 1_000_000)["rows_per_s"] < 560


def test_memory_is_bounded_by_sampling_and_by_batches() -> None:
    lag = Lag()
    for number in range(MAX_BATCHES + 10):
        lag.add("s", NOW + number, [np.zeros(10_000, np.int64) + NOW], 10_000)
    kept = lag._batches["s"]
    assert len(kept) <= MAX_BATCHES
    assert max(len(batch[2]) for batch in kept) <= SAMPLE + 1


def test_it_is_summed_up_while_commits_add_to_it() -> None:
    lag, received = Lag(), [np.array([NOW])]
    adding = Thread(target=lambda: [lag.add("s", NOW + n, received, 1) for n in range(20_000)])
    adding.start()
    while adding.is_alive():
        assert lag.summary("s", NOW)["rows_per_s"] >= 0
    adding.join()
