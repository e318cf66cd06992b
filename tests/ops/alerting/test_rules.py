"""alerts.toml: what it may say, and the sentence for what it may not."""

from pathlib import Path

import pytest

from core.settings import ROOT, SettingsError
from ops.alerting import rules
from ops.alerting.rules import MEASURES, UNREADABLE, Rule

GOOD = '[disk]\nmeasure = "disk_percent"\nabove = 80\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alerts.toml"


def test_the_file_of_the_repository_has_a_rule_for_every_measure() -> None:
    found = rules.read(ROOT / "alerts.toml")
    assert {rule.measure for rule in found.rules.values()} == set(MEASURES)


def test_a_rule_is_what_the_file_says(file: Path) -> None:
    file.write_text(
        'look_every = "2 s"\n' + GOOD + 'severity = "critical"\nfor = "5 m"\nclear = 10\nrepeat = "1 d"\nonly = "/data*"\n'
        '[other]\nmeasure = "memory_percent"\nabove = 1\nrunbook = "memory"\n[rest]\nenabled = false\n'
    )
    found = rules.read(file)
    assert found.look_seconds == 2.0
    assert found.rules == {
        "disk": Rule("disk", "disk_percent", 80.0, "critical", 300.0, 10.0, 86_400.0, "/data*", "disk"),
        "other": Rule("other", "memory_percent", 1.0, runbook="memory"),
        UNREADABLE.name: UNREADABLE,
    }
    assert found.rules["other"].page == "memory.md"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("disk = 80", r"disk=80 cannot be used: give a table: \[NAME\]"),
        ("[Disk]\n", "a name of lower-case letters"),
        ("[disk]\nabove = 80\n", "disk.measure=None cannot be used: give one of venue_silence_seconds"),
        (GOOD.replace("80", '"much"'), "disk.above='much' cannot be used: give a number from 0 up"),
        (GOOD.replace("80", "-1"), "disk.above=-1"),
        (GOOD.replace("80", "true"), "disk.above=True"),
        (GOOD + 'severity = "loud"', "disk.severity='loud' cannot be used: give info, warning, critical"),
        (GOOD + 'for = "soon"', "disk.for='soon' cannot be used: give a time such as '90 s'"),
        (GOOD + "clear = -5", "disk.clear=-5"),
        (GOOD + "repeat = 0", "disk.repeat=0"),
        (GOOD + "only = 5", "disk.only=5 cannot be used: give a pattern"),
        (GOOD + 'runbook = "../../etc/passwd"', "disk.runbook=.* cannot be used: give the name of a page"),
        (GOOD + "threshold = 5", r"disk=\['threshold'\] cannot be used: give only above"),
        (GOOD + "enabled = 1", "disk.enabled=1 cannot be used: give true or false"),
        ('look_every = "1 h"\n' + GOOD, "look_every=3600.0 cannot be used: give 1 s to 5 m"),
        ("[rules-unreadable]\n", "rules-unreadable"),
        ("[disk\n", "cannot be read: "),
    ],
)
def test_a_line_that_cannot_be_used_is_named_in_a_sentence(file: Path, text: str, sentence: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        rules.read(file)


def test_no_file_is_a_sentence_too(file: Path) -> None:
    with pytest.raises(SettingsError, match="is missing"):
        rules.read(file)
