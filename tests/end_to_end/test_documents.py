"""What README.md and TROUBLESHOOTING.md tell people to type, typed: on one farm, each ends with the status that it should."""

from collections.abc import Iterator

import pytest
import requests

from core.settings import ROOT
from tests.documents import Typed, typed
from tests.end_to_end.conftest import Farm, eventually
from tests.ops.alerting.peers import mailbox
from venues import VENUES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif("binance" not in VENUES, reason="a folder is deleted"),
]

FOUND = {one.text: one for page in ("README.md", "TROUBLESHOOTING.md") for one in typed(ROOT / page)}
#: Begin of a command -> why it is not typed here; the tests that are named type it, or its like.
ELSEWHERE = {
    "./farm up": "the farm here runs already, by the first of them; the others: tests/end_to_end/",
    "REPLICAS=a,b ./farm up": "tests/end_to_end/test_replicas.py",
    "./farm down": "in the end, by the farm of these tests",
    "./farm test": "this is it",
    "./farm chaos --core": "minutes, on a farm of its own: tests/end_to_end/test_chaos.py",
    "./farm bench": "minutes, and nothing else may run: tests/bench/",
    "./farm backfill binance klines": "weeks that no sandbox has: tests/end_to_end/test_gaps.py",
    "./farm restart": "half a minute and more: tests/end_to_end/test_rotation.py",
    "./farm load bars_1s": "a whole day that no farm of a minute has: tests/db/read/",
    "./farm rebuild": "an archive that is a minute old at least: tests/tasks/test_rebuild.py",
    "./farm backup --drill": "a backup first: tests/ops/cli/test_backup.py",
    "./farm restore": "a backup first: tests/ops/cli/test_backup.py",
    "./farm match show": "pairs: tests/ops/cli/test_match.py",
    "./farm match confirm": "pairs: tests/ops/cli/test_match.py",
    "./farm paper replay": "pairs: tests/ops/cli/test_paper.py",
    "./farm secrets": "keys of the account, and `.env` of the checkout: tests/ops/cli/test_secrets.py",
    "./farm logs NAME": "a name for what the reader looks for",
    "./farm logs streamer-kalshi": "another venue",
}
#: What is not 0 by a machine that is slow or small, or behind `./farm paper halt`, is no fault of the document.
STATUSES = {"./farm doctor": {0, 1}, "./farm paper status": {0, 1}}
#: One question stands for all: tests/test_documents.py asks the database each of them.
ASKED = [one for one in FOUND.values() if one.words[1:2] == ["psql"]]
TYPED = [
    one for text, one in FOUND.items() if one.words[:1] == ["./farm"] and not text.startswith(tuple(ELSEWHERE)) and one not in ASKED[1:]
]


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """By the first command of the README, with nothing added. A mailbox takes the messages of `./farm alert test`; no cloud is asked."""
    with mailbox() as box:
        found = Farm(tmp_path_factory.mktemp("documents"), ALERT_URLS=box.url, HCLOUD_TOKEN="")
        try:
            found.up()
            yield found
        finally:
            done = found.run("down")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("one", TYPED, ids=lambda one: one.text)
def test_it_does_what_the_document_says(farm: Farm, one: Typed) -> None:
    wanted = STATUSES.get(one.text, {0})
    if one.words[1] in ("status", "verify", "tail"):  # a busy machine may have it unhealthy, or behind, for a moment
        eventually(lambda: farm.run(*one.words[1:]).returncode in wanted, lambda: farm.run("status").stdout)
        return
    done = farm.run(*one.words[1:])
    assert done.returncode in wanted, done.stderr
    assert "Traceback" not in done.stderr


def test_the_addresses_of_the_readme_answer(farm: Farm) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in ("", "/docs", "/health"):
        assert f"http://127.0.0.1:8000{path}" in readme
        eventually(lambda path=path: requests.get(f"http://127.0.0.1:{farm.port('console')}{path}", timeout=30).ok)


def test_what_is_typed_elsewhere_is_in_the_documents() -> None:
    assert [begin for begin in ELSEWHERE if not any(text.startswith(begin) for text in FOUND)] == []
