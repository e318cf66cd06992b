"""core.storage: what farm.toml says of the tables, and what it must not say."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from core.settings import ROOT, SettingsError, read_farm_toml, read_storage
from core.storage import KEPT, LATE, Kept

HOURS, DAYS = timedelta(hours=1), timedelta(days=1)


def said(tmp_path: Path, text: str) -> dict[str, Kept]:
    path = tmp_path / "farm.toml"
    path.write_text(text, encoding="utf-8")
    return read_storage(path)


def test_what_is_left_out_is_as_it_was(tmp_path: Path) -> None:
    assert said(tmp_path, "") == KEPT
    found = said(tmp_path, '[storage.quotes]\nchunk = "6 hours"\ndrop_after = "90 d"\n[storage.trades]\ncompress_after = "never"')
    assert found == {**KEPT, "quotes": Kept(6 * HOURS, KEPT["quotes"].compress_after, 90 * DAYS), "trades": Kept(DAYS, None, None)}


def test_nothing_is_dropped_unless_somebody_says_so_and_nothing_is_compressed_while_late_rows_arrive() -> None:
    assert [name for name, kept in KEPT.items() if kept.drop_after is not None] == []
    assert all(kept.compress_after is None or kept.compress_after > LATE for kept in KEPT.values())


def test_what_is_gone_before_it_would_be_compressed_is_not_compressed(tmp_path: Path) -> None:
    assert said(tmp_path, '[storage.quotes]\ndrop_after = "7 days"')["quotes"] == Kept(DAYS, None, 7 * DAYS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("storage = 3", "storage=3 cannot be used: give [storage.TABLE] tables"),
        ("[storage]\nquotes = '7 days'", "storage.quotes='7 days' cannot be used: give a table: [storage.quotes]"),
        ("[storage.quote]", "storage.quote='quote' cannot be used: give one of trades, quotes, book_deltas,"),
        ("[storage.quotes]\ndrop = '7 days'", "storage.quotes=['drop'] cannot be used: give only chunk, compress_after and drop_after"),
        ("[storage.quotes]\nchunk = 'daily'", "storage.quotes.chunk='daily' cannot be used: give a time such as '12 hours' or '7 days'"),
        ("[storage.quotes]\nchunk = 7", "storage.quotes.chunk=7 cannot be used: give a time such as '12 hours' or '7 days'"),
        ("[storage.quotes]\nchunk = 'never'", "storage.quotes.chunk='never' cannot be used: give a time such as"),
        ("[storage.quotes]\nchunk = '1 m'", "storage.quotes.chunk='1 m' cannot be used: give from '1 hour' to '366 days'"),
        ("[storage.quotes]\nchunk = '367 d'", "storage.quotes.chunk='367 d' cannot be used: give from '1 hour' to '366 days'"),
        ("[storage.quotes]\nchunk = '99999999999 d'", "storage.quotes.chunk='99999999999 d' cannot be used: give a time such as"),
        (
            "[storage.quotes]\ncompress_after = '12 hours'",
            "compress_after='12 hours' cannot be used: give at least '2 days', as late rows arrive until then, or 'never'",
        ),
        (
            "[storage.quotes]\ncompress_after = ''",
            "compress_after='' cannot be used: give a time such as '12 hours' or '7 days', or 'never'",
        ),
        ("[storage.quotes]\ndrop_after = '1 day'", "drop_after='1 day' cannot be used: give at least '2 days'"),
        (
            "[storage.quotes]\ncompress_after = '9 days'\ndrop_after = '9 days'",
            "storage.quotes.drop_after='9 days' cannot be used: give more than compress_after='9 days', or leave that out",
        ),
    ],
)
def test_a_bad_line_is_named_with_what_would_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        said(tmp_path, text)
    assert says in str(caught.value)


def test_a_bad_line_of_storage_keeps_no_streamer_from_reading_what_to_collect(tmp_path: Path) -> None:
    (tmp_path / "farm.toml").write_text("[venues.a]\n[storage.quote]\n")
    assert list(read_farm_toml(tmp_path / "farm.toml")) == ["a"]


def test_the_lines_that_stand_in_farm_toml_as_comments_are_the_defaults(tmp_path: Path) -> None:
    lines = (ROOT / "farm.toml").read_text(encoding="utf-8").partition("# --- how it is kept")[2].splitlines()
    examples = "\n".join(
        line.removeprefix("# ") for line in lines if re.match(r"# (\[storage\.[a-z0-9_]+\]|(chunk|compress_after|drop_after) =)", line)
    )
    found = said(tmp_path, examples)
    assert found == KEPT and {f"[storage.{name}]" for name in KEPT} <= set(examples.splitlines())
