"""What speaks against a farm, and how it is shown."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from ops.chaos.catalogue import FAULTS, STORM, chosen
from ops.chaos.fault import Fault, Losses, Verdict, judged
from ops.chaos.table import HEAD, WIDTH, document, line, passed, remarks
from ops.cli.errors import Refused

FAULT = Fault("kill-redis", "", lambda _: nullcontext(), "redis", excused=frozenset({"disconnected"}))
WELL = Losses(emitted=1_000)


def test_a_farm_that_lost_nothing_has_passed() -> None:
    assert judged(FAULT, WELL, recovered=True) == ()


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (replace(WELL, lost=3), "3 of 1000 events are lost without a gap"),
        (replace(WELL, duplicated=2), "2 rows stand there twice, or were never sent"),
        (replace(WELL, different=1), "1 rows differ from what was sent"),
        (
            replace(WELL, counted=9, causes=frozenset({"disconnected", "journal"})),
            "a loss is counted under a cause that is no excuse here: journal",
        ),
    ],
)
def test_what_is_lost_doubled_or_not_excused_speaks_against_it(losses: Losses, expected: str) -> None:
    assert judged(FAULT, losses, recovered=True) == (expected,)


def test_what_was_sent_into_a_dead_socket_is_excused_when_a_gap_says_so() -> None:
    assert judged(FAULT, replace(WELL, counted=9, causes=frozenset({"disconnected"})), recovered=True) == ()


def test_a_farm_that_has_not_recovered_has_failed_though_nothing_was_lost() -> None:
    [problem] = judged(FAULT, WELL, recovered=False, reasons=("redis is fatal",))
    assert problem == "not recovered within 180 s: redis is fatal"


def test_a_fault_of_which_nothing_was_said_has_failed_though_nothing_was_lost() -> None:
    [problem] = judged(FAULT, WELL, recovered=True, unnoticed=True)
    assert problem.startswith("the farm said nothing of it") and "'redis'" in problem


def test_examples_stand_with_what_they_are_examples_of() -> None:
    losses = replace(WELL, lost=1, examples=("missing: a", "missing: b", "missing: c", "missing: d"))
    assert judged(FAULT, losses, recovered=True)[1:] == ("missing: a", "missing: b", "missing: c")
    assert judged(FAULT, replace(losses, lost=0), recovered=True) == ()


def test_rows_too_many_are_those_that_repeat_and_those_that_were_never_sent() -> None:
    figures = {"emitted": 9, "missing": 1, "duplicate": 2, "surplus": 3, "different": 4, "counted_loss": 5, "quarantined": 6}
    assert Losses.of(figures, frozenset()) == Losses(emitted=9, lost=1, duplicated=5, different=4, counted=5, quarantined=6)


# --- table
PASSED = Verdict("kill-redis", 0.0, 0.44, "restart redis", 1.84, replace(WELL, counted=1_234, quarantined=6))
FAILED = replace(PASSED, name="redis-wiped", held_seconds=5.0, problems=("too bad",), recovered_seconds=None)
SKIPPED = Verdict("postgres-disk-full", skipped="only root may mount a disk")


def test_a_row_tells_what_came_of_a_fault() -> None:
    assert line(PASSED).split() == ["kill-redis", "–", "0.4", "s", "1.8", "s", "0", "0", "1,240", "passed"]
    assert line(FAILED).split() == ["redis-wiped", "5.0", "s", "0.4", "s", "never", "0", "0", "1,240", "failed"]
    assert remarks(FAILED) == ["  too bad"]


def test_what_cannot_be_had_is_told_with_the_reason() -> None:
    assert line(SKIPPED).split() == ["postgres-disk-full", *["–"] * 6, "skipped"]
    assert remarks(SKIPPED) == ["  only root may mount a disk"]


def test_the_table_fits_into_eighty_columns() -> None:
    longest = max((fault.name for fault in FAULTS), key=len)
    many = Losses(10**9, 99_999, 99_999, 0, 9_999_999, 0)
    assert max(len(text) for text in (HEAD, line(Verdict(longest, 600.0, 180.0, "", 300.0, many)), line(SKIPPED))) <= WIDTH


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([PASSED], True),
        ([PASSED, SKIPPED], True),
        ([PASSED, FAILED], False),
        ([SKIPPED], False),  # a run in which none could be had proves nothing
        ([], False),
    ],
)
def test_a_run_has_passed_when_no_fault_failed_and_one_was_had(verdicts: list[Verdict], expected: bool) -> None:
    assert passed(verdicts) is expected


def test_the_document_is_well_only_when_the_whole_is() -> None:
    def ok(verdicts: list[Verdict], *, whole: bool) -> bool:
        return bool(document(verdicts, {"verify": {"ok": whole}}, rate=1, seed=1, seconds=1)["ok"])

    assert ok([PASSED], whole=True)
    assert not ok([PASSED], whole=False)
    assert not ok([FAILED], whole=True)


# --- catalogue
def test_faults_have_names_of_their_own() -> None:
    names = [*(fault.name for fault in FAULTS), STORM]
    assert len(set(names)) == len(names)


def test_the_core_holds_a_kill_of_each_program() -> None:
    core = {fault.name for fault in chosen([], core=True)}
    kinds = ("streamer", "writers", "collectors", "maintenance", "beat", "watcher", "redis", "postgres")
    assert {f"kill-{kind}" for kind in kinds} <= core < {fault.name for fault in FAULTS}


def test_one_fault_is_chosen_by_its_name_and_an_unknown_one_refused() -> None:
    assert [fault.name for fault in chosen(["redis-wiped"], core=False)] == ["redis-wiped"]
    assert chosen([STORM], core=False) == []
    with pytest.raises(Refused) as refused:
        chosen(["redis-wiped", "kill-everything"], core=False)
    assert refused.value.status == 2
