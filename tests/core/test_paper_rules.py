"""[paper] of farm.toml: exact amounts, defaults for what is left out, and a sentence for what cannot be used."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.settings import ROOT, SettingsError, read_paper
from paper.rules import Latency, Rules


def said(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "farm.toml"
    path.write_text(text, encoding="utf-8")
    return read_paper(path)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    assert said(tmp_path, "") == Rules()


def test_amounts_are_what_is_written(tmp_path: Path) -> None:
    rules = said(
        tmp_path, '[paper]\nmin_edge = "0.0150"\nmax_shares = 20.1\n[paper.cash]\nsomewhere = 1000\n[paper.limits]\nper_pair = 99.99\n'
    )
    assert str(rules.min_edge) == "0.0150"
    assert rules.limits.per_pair == Decimal("99.99") and rules.cash == {"somewhere": Decimal(1000)}


def test_a_latency_is_told_by_median_and_p99(tmp_path: Path) -> None:
    text = "[paper.any_latency]\nmedian_ms = 5\np99_ms = 20\n[paper.latency.somewhere]\nmedian_ms = 80\np99_ms = 300.5\n"
    rules = said(tmp_path, text)
    assert rules.any_latency == Latency(5.0, 20.0) and rules.latency == {"somewhere": Latency(80.0, 300.5)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[paper]\nmin_egde = 1\n", "min_egde"),
        ('[paper]\nmin_edge = "much"\n', "dollars or shares"),
        ("[paper]\nmin_edge = true\n", "dollars or shares"),
        ("[paper]\nmin_edge = nan\n", "dollars or shares"),
        ("[paper]\nunknown_days = 1.5\n", "a whole number"),
        ("[paper]\nseed = 7\n", "a text"),
        ('[paper]\nrounding = "floor"\n', "accumulated"),
        ("[paper]\nmin_shares = 10\nmax_shares = 5\n", "out of range"),
        ("[paper.limits]\nper_par = 5\n", "per_par"),
        ("[paper.latency.somewhere]\nmedian_ms = 5\n", "also p99_ms"),
        ("[paper.latency.somewhere]\nmedian_ms = 5\np99_ms = 1\n", "median"),
        ("paper = 5\n", "a table"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        said(tmp_path, text)


def test_the_repositorys_own_file_gives_its_venues_cash() -> None:
    rules = read_paper(ROOT / "farm.toml")
    assert rules.cash and all(dollars > 0 for dollars in rules.cash.values())
