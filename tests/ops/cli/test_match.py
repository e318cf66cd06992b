"""`./farm match`, on a database of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2.extensions import connection as RawConnection
from typer.testing import CliRunner

from core.settings import ROOT
from ops.cli import match_files
from ops.cli.errors import Refused
from ops.cli.match import app
from tests.db.paper.pairs import RAIN, RAIN_TOO, Markets

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(fresh_database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in (("DATABASE_URL", fresh_database_url), ("REDIS_URL", redis_url), ("FARM_HOME", str(tmp_path / "farm"))):
        monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str]:
        """(exit status, what is told); a refusal is told as its sentence."""
        done = CliRunner().invoke(app, [*words])
        if isinstance(done.exception, Refused):
            return done.exception.status, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return run


@pytest.fixture
def listed(connection: RawConnection) -> Markets:
    return Markets(connection)


@pytest.fixture
def state(query: Query) -> Callable[[int], str]:
    return lambda pair: str(query("SELECT state FROM contract_matches WHERE pair_id = %s", (pair,))[0][0])


@pytest.fixture
def pair(listed: Markets) -> str:
    return str(listed.pair())


def test_as_it_is_typed(fresh_database_url: str, redis_url: str, tmp_path: Path, pair: str) -> None:
    environ = {
        **os.environ,
        "DATABASE_URL": fresh_database_url,
        "REDIS_URL": redis_url,
        "FARM_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-m", "ops", "match", "confirm", pair, "--yes-b", "Maybe"]
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Which outcome of here RAIN-1 is YES has to be said: Rain.\n")


# --- looking --------------------------------------------------------------------------------------------------------------
def test_both_texts_stand_side_by_side(run: Run, listed: Markets) -> None:
    number = listed.pair(replace(RAIN, rules="Any drop counts.\n\nSnow does not."), replace(RAIN_TOO, rules="One drop\x1b[31m is enough."))
    _, told = run("show", str(number))
    line = next(line for line in told.splitlines() if "Any drop counts." in line)
    assert "One drop\\x1b[31m is enough." in line and "Snow does not." in told
    assert "which is YES has to be said" in told and "a: here RAIN-1" in told and "b: there 0xabc" in told


def test_what_waits_for_a_person_stands_first(run: Run, listed: Markets, query: Query) -> None:
    for name, state, score in (("A", "rejected", 0.9), ("B", "proposed", 0.6), ("C", "proposed", 0.8), ("D", "suspended", 0.5)):
        number = listed.pair(replace(RAIN, market_id=f"RAIN-{name}"))
        query("UPDATE contract_matches SET state = %s, score = %s WHERE pair_id = %s", (state, score, number))
    pairs = json.loads(run("list", "--json")[1])["pairs"]
    assert [row["market_id_a"] for row in pairs] == ["RAIN-D", "RAIN-C", "RAIN-B", "RAIN-A"]
    assert [row["market_id_a"] for row in json.loads(run("list", "--state", "proposed", "--limit", "1", "--json")[1])["pairs"]] == [
        "RAIN-C"
    ]
    assert "rules_a" not in pairs[0]
    assert run("list", "--state", "odd") == (2, "There is no state 'odd': there are proposed, confirmed, rejected, suspended.")


def test_pairs_that_are_over_are_shown_on_request(run: Run, listed: Markets) -> None:
    listed.pair(replace(RAIN, status="resolved"), replace(RAIN_TOO, status="resolved"))
    assert json.loads(run("list", "--json")[1])["pairs"] == []
    assert len(json.loads(run("list", "--over", "--json")[1])["pairs"]) == 1


def test_a_confirmation_that_the_prices_contradict_says_so(run: Run, listed: Markets, query: Query) -> None:
    number = str(listed.pair())
    query(
        "INSERT INTO quotes (event_at, received_at, instrument_id, update_id, bid_price, bid_quantity, ask_price, ask_quantity) "
        "SELECT now(), now(), instrument_id, 1, CASE symbol WHEN 'RAIN-1' THEN 0.8 ELSE 0.19 END, 5, CASE symbol WHEN 'RAIN-1' THEN 0.82 ELSE 0.21 END, 5 "
        "FROM instruments WHERE symbol IN ('RAIN-1', '11')"
    )
    assert "is not known: the books do not say" in run("show", number)[1]
    told = run("confirm", number, "--yes-a", "Rain", "--yes-b", "Yes")[1]
    assert "Look again: YES of a and NO of b cost 1.61 together now, which is not 1" in told
    assert "cost 1.61 together now" in run("show", number)[1]


# --- deciding -------------------------------------------------------------------------------------------------------------
def test_a_decision_from_show_to_history(run: Run, pair: str, query: Query) -> None:
    mark = json.loads(run("show", pair, "--json")[1])["mark"]
    words = ("--yes-a", "Rain", "--yes-b", "yes", "--tail", "void/yes", "--tail", "no/void", "--note", "two gauges", "--by", "ada")
    assert run("confirm", pair, *words, "--rules", mark) == (
        0,
        f"pair {pair} is confirmed: YES of here is 'Rain', YES of there is 'Yes'; tail cases: no/void, void/yes\n",
    )
    assert run("suspend", pair, "--reason", "odd", "--by", "bob") == (0, f"pair {pair} is suspended\n")
    assert run("reject", pair, "--reason", "two gauges", "--by", "ada") == (0, f"pair {pair} is rejected\n")
    shown = json.loads(run("show", pair, "--json")[1])
    assert [(one["decided_by"], one["state"], one["reason"]) for one in shown["history"]] == [
        ("ada", "confirmed", "two gauges"),
        ("bob", "suspended", "odd"),
        ("ada", "rejected", "two gauges"),
    ]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("--yes-a", "Snow", "--yes-b", "Yes"), 1, "here RAIN-1 has no outcome 'Snow': Rain."),
        (("--yes-a", "Rain", "--yes-b", "Yes", "--tail", "yes/maybe"), 1, "yes/maybe is no tail case"),
        (("--yes-a", "Rain", "--yes-b", "Yes", "--rules", "0123456789:0123456789"), 1, "are other ones than were read"),
        (("--yes-a", "Rain", "--yes-b", "Yes", "--rules", "a:b"), 2, "is no mark"),
        (("--yes-a", "Rain", "--yes-b", "Yes", "--by", "farm"), 2, "a person's name"),
    ],
)
def test_what_cannot_be_confirmed_is_told_and_changes_nothing(
    run: Run, pair: str, state: Callable[[int], str], words: tuple[str, ...], status: int, sentence: str
) -> None:
    found, told = run("confirm", pair, *words)
    assert (found, sentence in told, state(int(pair))) == (status, True, "proposed"), told


def test_looking_for_pairs_now(run: Run) -> None:
    assert json.loads(run("propose", "polymarket", "kalshi")[1])["markets"] == [0, 0]
    assert run("propose", "binance", "kalshi")[0] == run("propose", "nowhere", "kalshi")[0] == run("propose", "kalshi", "kalshi")[0] == 2


# --- files ----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def exported(run: Run, pair: str, tmp_path: Path, query: Query) -> Path:
    """A file with one confirmed pair, and a database that knows the markets and no pair."""
    file = tmp_path / "pairs.yaml"
    words = ("--yes-a", "Rain", "--yes-b", "No", "--tail", "void/yes", "--note", "same gauge: 币, 'quoted'\nsecond line", "--by", "ada")
    assert run("confirm", pair, *words)[0] == 0
    assert run("export", str(file)) == (0, f"1 confirmed pairs are in {file}\n")
    query("TRUNCATE contract_matches")
    return file


def test_what_is_exported_comes_back_as_it_was(run: Run, exported: Path, query: Query) -> None:
    text = exported.read_text()
    status, told = run("import", str(exported), "--by", "bob")
    assert (status, told.startswith("here RAIN-1 and there 0xabc: confirmed, as pair ")) == (0, True)
    assert run("export")[1] == text
    assert query("SELECT decided_by, reason, yes_symbol_b, tails FROM contract_matches") == [("ada", "imported by bob", "12", ["void/yes"])]
    assert run("import", str(exported)) == (0, "here RAIN-1 and there 0xabc: is so already\n")


def test_another_text_than_was_confirmed_is_refused(run: Run, exported: Path, listed: Markets, query: Query) -> None:
    listed.say("there", replace(RAIN_TOO, rules="Ten drops count."))
    status, told = run("import", str(exported))
    assert (status, "are other ones than were read" in told) == (1, True)
    assert query("SELECT count(*) FROM contract_matches") == [(0,)]


def test_a_file_does_not_overrule_a_person(run: Run, exported: Path, listed: Markets) -> None:
    number = str(listed.pair())
    run("reject", number, "--reason", "two gauges")
    assert run("import", str(exported)) == (
        1,
        f"here RAIN-1 and there 0xabc: refused, it is rejected here as pair {number}: decide of it by hand\n",
    )


def test_one_bad_pair_does_not_keep_the_others_out(run: Run, exported: Path) -> None:
    document = yaml.safe_load(exported.read_text())
    stranger = {**document["pairs"][0], "a": {**document["pairs"][0]["a"], "market": "SNOW-1"}}
    exported.write_text(yaml.safe_dump({**document, "pairs": [stranger, *document["pairs"]]}))
    status, told = run("import", str(exported), "--json")
    assert (status, [one["result"] for one in json.loads(told)["pairs"]]) == (1, ["refused", "confirmed"])


def test_sides_in_the_other_order_are_the_same_pair(run: Run, exported: Path, query: Query) -> None:
    document = yaml.safe_load(exported.read_text())
    (pair,) = document["pairs"]
    exported.write_text(yaml.safe_dump({**document, "pairs": [{**pair, "a": pair["b"], "b": pair["a"], "tails": ["yes/void"]}]}))
    assert run("import", str(exported))[0] == 0
    assert query("SELECT yes_symbol_a, yes_symbol_b, tails FROM contract_matches") == [("RAIN-1", "12", ["void/yes"])]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "cannot be read"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
        ("[]", "is no list of pairs"),
        ("version: 2\npairs: []", "is no list of pairs"),
        ("version: 1\npairs: [1]", "pair 1: it is to have"),
        ("version: 1\npairs: [{a: {venue: here}, b: {}}]", "pair 1, a: market is to be a text"),
        ("version: 1\npairs: [{a: {venue: here, market: 12, yes_is: 'y', rules_sha256: x}}]", "quote what looks like a number"),
        ("version: 1\npairs: [{size: 3}]", "and nothing else"),
        ("version: 1\npairs: [{tails: [yes/yes]}]", "tails are to be a list out of"),
        ("version: 1\npairs: [{notes: [1]}]", "are to be texts"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_whole(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        match_files.read(file)
    assert (refused.value.status, sentence in str(refused.value)) == (2, True), refused.value


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        match_files.read(tmp_path / "none.yaml")
