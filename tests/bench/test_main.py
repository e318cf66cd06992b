"""What `./farm bench` promises: names, the shape of the document, and its answer to a name that there is none of."""

import json

import pytest

from bench import __main__ as main
from bench import stages
from bench.figures import Bar, Figure

#: All that is measured.
NAMES = {
    *("drain_vs_copy", "wire_vs_copy", "drain_two_hosts", "quotes_vs_cryptofeed", "trades_vs_cryptofeed"),
    *("lag_500_p50", "lag_500_p99", "lag_5000_p50", "lag_5000_p99", "lag_20000_p50", "lag_20000_p99"),
    *(
        "streamer_us_per_frame",
        "book_changes_per_s",
        "opportunity_lag",
        "backfill_vs_copy",
        "lag_filling_p99",
        "rollup_cpu",
        "memory_growth",
        "console_health",
        "console_page",
        "idle_cpu",
    ),
    *("bars_from_files", "quotes_from_files", "bars_from_database", "export_seconds", "export_memory"),
}


def test_there_is_one_stage_for_each_figure() -> None:
    assert sorted(stages.NAMES) == sorted(NAMES)


def test_a_name_chooses_its_stage_alone() -> None:
    assert [[bar.name for bar in stage.bars] for stage in stages.wanted(["lag_500_p99", "idle_cpu"])] == [
        ["lag_500_p50", "lag_500_p99"],
        ["idle_cpu"],
    ]


def test_a_name_there_is_none_of_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["idle_cpu", "speed"], True) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("There is no figure speed; there are: drain_vs_copy, ")


def test_the_document_is_what_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure("idle_cpu", 1.5, "% of a core", 5.0, True, "so")
    main._print({"cpu": "fast"}, [figure], as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "machine": {"cpu": "fast"},
        "figures": [{"name": "idle_cpu", "value": 1.5, "unit": "% of a core", "bar": 5.0, "met": True, "how": "so"}],
    }


@pytest.mark.parametrize(
    ("at_least", "value", "valid", "met"),
    [
        (True, 0.85, True, True),
        (True, 0.8499, True, False),
        (False, 25.0, True, True),
        (False, 25.1, True, False),
        (False, 1.0, False, False),  # a run that is not what the bar speaks of
    ],
)
def test_a_bar_is_met_on_its_own_side(at_least: bool, value: float, valid: bool, met: bool) -> None:
    bar = Bar("x", "ratio", 0.85, at_least=True) if at_least else Bar("x", "ms", 25.0)
    assert bar.figure(value, "so", valid=valid).met is met
