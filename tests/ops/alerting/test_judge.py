"""When an alert fires, what is told of it and when it is over, whatever the facts do."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.timetable import quiet
from ops.alerting.judge import ALERT, RECOVERY, STILL, Alert, Facts, Key, Message, Reading, judge
from ops.alerting.rules import Rule

NOON = 1_795_348_800.0  # 2026-11-22 12:00 UTC
RULE = Rule("hot", "heat", 10.0, "warning", hold_seconds=20, clear_seconds=30, repeat_seconds=100)


class Story:
    """Looks one after the other; a value of None is a measure that could not be taken, a missing subject one that is gone."""

    def __init__(self, rule: Rule = RULE, hours: str = "") -> None:
        self.rules, self.quiet = {rule.name: rule}, quiet(hours)
        self.known: dict[Key, Alert] = {}
        self.over: list[Alert] = []

    def look(self, seconds: float, value: float | str | None, seen: float | None = None) -> list[str]:
        facts: Facts = {} if value is None else {"heat": {} if value == "gone" else {"oven": Reading(float(value), "hot", seen)}}
        self.known, messages, over = judge(self.rules, facts, self.known, NOON + seconds, self.quiet)
        self.over += over
        return [message.kind for message in messages]


def test_it_fires_once_it_has_lasted_and_is_over_once_it_has_stayed_away() -> None:
    story = Story()
    told = [
        story.look(seconds, value)
        for seconds, value in [(0, 5), (10, 11), (20, 12), (30, 11), (40, 15), (50, 5), (70, 5), (80, 5), (90, 5)]
    ]
    assert told == [[], [], [], [ALERT], [], [], [], [RECOVERY], []]
    assert [(alert.since, alert.fired, alert.cleared, alert.ended, alert.sent) for alert in story.over] == [
        (NOON + 10, NOON + 30, NOON + 50, NOON + 80, 2)
    ]
    assert story.known == {}


def test_what_does_not_last_is_nothing() -> None:
    story = Story()
    assert [story.look(seconds, value) for seconds, value in [(0, 11), (10, 5), (20, 11), (30, 11)]] == [[]] * 4
    assert story.over == []


def test_while_it_lasts_it_is_told_again_so_often() -> None:
    story = Story()
    told = {seconds: kinds for seconds in range(0, 330, 10) if (kinds := story.look(seconds, 11))}
    assert told == {20: [ALERT], 120: [STILL], 220: [STILL], 320: [STILL]}


def test_what_comes_back_at_once_is_the_same_alert() -> None:
    story = Story()
    told = [story.look(seconds, value) for seconds, value in [(0, 11), (20, 11), (30, 5), (50, 11), (60, 5), (80, 5), (90, 5)]]
    assert told == [[], [ALERT], [], [], [], [], [RECOVERY]]


def test_what_could_not_be_measured_neither_fires_nor_ends() -> None:
    story = Story()
    assert [story.look(seconds, value) for seconds, value in [(0, 11), (20, 11), (30, None), (90, None), (95, 11)]] == [
        [],
        [ALERT],
        [],
        [],
        [],
    ]
    assert [story.look(seconds, value) for seconds, value in [(96, 5), (100, None), (126, None), (127, 5)]] == [[], [], [], [RECOVERY]]


def test_a_subject_that_is_gone_is_over() -> None:
    story = Story()
    assert [story.look(seconds, value) for seconds, value in [(0, 11), (20, 11), (30, "gone"), (60, "gone")]] == [
        [],
        [ALERT],
        [],
        [RECOVERY],
    ]


def test_a_rule_that_is_taken_out_ends_its_alerts() -> None:
    story = Story()
    assert [story.look(0, 11), story.look(20, 11)] == [[], [ALERT]]
    story.rules = {}
    assert [story.look(30, 11), story.look(40, 11)] == [[RECOVERY], []]
    assert story.over[0].words == "the rule was taken out of the file"


def test_what_began_before_anybody_looked_counts_from_the_first_look() -> None:
    story = Story(Rule("hot", "heat", 10.0))
    assert story.look(0, 500, seen=0) == []
    assert story.look(9, 509, seen=9) == []
    assert story.look(11, 511, seen=11) == [ALERT]


def test_and_what_fires_already_goes_on_after_a_new_start_of_the_watcher() -> None:
    story = Story(Rule("hot", "heat", 10.0, clear_seconds=0))
    assert [story.look(0, 500), story.look(10, 510, seen=0), story.look(20, 3, seen=10)] == [[ALERT], [], [RECOVERY]]


def test_a_rule_is_about_the_subjects_that_it_names() -> None:
    facts = {"heat": {name: Reading(11, "hot") for name in ("oven", "stove", "oven:2")}}
    _, messages, _ = judge({"hot": Rule("hot", "heat", 10.0, only="oven*")}, facts, {}, NOON, None)
    assert [message.alert.subject for message in messages] == ["oven", "oven:2"]


def test_quiet_hours_hold_back_and_tell_afterwards() -> None:
    story = Story(Rule("hot", "heat", 10.0, clear_seconds=0), "12:00-13:00")
    assert [story.look(0, 11), story.look(1800, 11), story.look(3600, 11), story.look(3700, 5)] == [[], [], [ALERT], [RECOVERY]]


def test_what_came_and_went_in_quiet_hours_is_kept_and_not_told() -> None:
    story = Story(Rule("hot", "heat", 10.0, clear_seconds=0), "12:00-13:00")
    assert [story.look(0, 11), story.look(60, 5), story.look(3600, 5)] == [[], [], []]
    assert [alert.sent for alert in story.over] == [0]


def test_a_recovery_in_quiet_hours_waits_until_they_end() -> None:
    story = Story(Rule("hot", "heat", 10.0, clear_seconds=0), "12:01-13:00")
    assert [story.look(0, 11), story.look(60, 5), story.look(120, 5), story.look(3600, 5), story.look(3700, 5)] == [
        [ALERT],
        [],
        [],
        [RECOVERY],
        [],
    ]


def test_what_is_critical_knows_no_quiet_hours() -> None:
    story = Story(Rule("hot", "heat", 10.0, "critical", clear_seconds=0), "12:00-13:00")
    assert [story.look(0, 11), story.look(60, 5)] == [[ALERT], [RECOVERY]]


# --- whatever the facts do --------------------------------------------------------------------------------------------------
STEPS = st.lists(
    st.tuples(st.integers(1, 60), st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([5.0, 11.0])) | st.none()), max_size=120
)
RULES = st.builds(
    Rule,
    st.just("hot"),
    st.just("heat"),
    st.just(10.0),
    st.sampled_from(["warning", "critical"]),
    hold_seconds=st.sampled_from([0.0, 20.0, 90.0]),
    clear_seconds=st.sampled_from([0.0, 30.0]),
    repeat_seconds=st.sampled_from([1.0, 100.0, 1000.0]),
)
HOURS = st.sampled_from(["", "12:05-12:20", "12:00-12:10 warning"])


def played(
    rule: Rule, steps: Sequence[tuple[int, dict[str, float] | None]], hours: str
) -> tuple[list[Message], list[tuple[float, dict[str, float] | None]]]:
    known: dict[Key, Alert] = {}
    told: list[Message] = []
    now, looks = NOON, []
    for seconds, values in steps:
        now += seconds
        facts: Facts = {} if values is None else {"heat": {name: Reading(value, "hot") for name, value in values.items()}}
        known, messages, _ = judge({rule.name: rule}, facts, known, now, quiet(hours))
        told += messages
        looks.append((now, values))
    return told, looks


def by_subject(told: Sequence[Message]) -> dict[str, list[Message]]:
    found = defaultdict(list)
    for message in told:
        found[message.alert.subject].append(message)
    return found


@settings(max_examples=300)
@given(RULES, STEPS, HOURS)
def test_each_recovery_comes_once_and_after_its_alert(rule: Rule, steps: list[tuple[int, dict[str, float] | None]], hours: str) -> None:
    told, _ = played(rule, steps, hours)
    for messages in by_subject(told).values():
        open_since: float | None = None
        for message in messages:
            if message.kind == ALERT:
                assert open_since is None
                open_since = message.alert.since
            else:
                assert open_since == message.alert.since, "of the alert that was told"
                open_since = None if message.kind == RECOVERY else open_since


@settings(max_examples=300)
@given(RULES, STEPS, HOURS)
def test_one_alert_is_never_told_twice_within_its_interval(
    rule: Rule, steps: list[tuple[int, dict[str, float] | None]], hours: str
) -> None:
    told, _ = played(rule, steps, hours)
    for messages in by_subject(told).values():
        calls = [message for message in messages if message.kind != RECOVERY]
        for first, second in pairwise(calls):
            if first.alert.since == second.alert.since:
                assert second.at - first.at >= rule.repeat_seconds


@settings(max_examples=300)
@given(RULES, STEPS, HOURS)
def test_quiet_hours_touch_nothing_critical_and_invent_nothing(
    rule: Rule, steps: list[tuple[int, dict[str, float] | None]], hours: str
) -> None:
    held, _ = played(rule, steps, hours)
    free, _ = played(rule, steps, "")
    if rule.severity == "critical":
        assert held == free
    told = {(message.alert.subject, message.alert.since) for message in held if message.kind == ALERT}
    assert told <= {(message.alert.subject, message.alert.since) for message in free if message.kind == ALERT}


@settings(max_examples=300)
@given(RULES, STEPS)
def test_an_alert_tells_of_what_was_measured(rule: Rule, steps: list[tuple[int, dict[str, float] | None]]) -> None:
    told, looks = played(rule, steps, "")
    for message in told:
        if message.kind != RECOVERY:
            measured = dict(looks)[message.at]
            assert measured is not None and measured[message.alert.subject] > rule.above
            assert message.at - message.alert.since >= rule.hold_seconds


def test_the_story_of_a_look_is_the_same_for_the_same_input() -> None:
    facts = {"heat": {"oven": Reading(11, "hot")}}
    assert judge({"hot": RULE}, facts, {}, NOON, None) == judge({"hot": RULE}, facts, {}, NOON, None)


@pytest.mark.parametrize("value", [10.0, 9.9])
def test_the_bound_itself_is_no_alert(value: float) -> None:
    assert Story(Rule("hot", "heat", 10.0)).look(0, value) == []
