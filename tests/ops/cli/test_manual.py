"""What the commands say of themselves: a line each, an example each that can be typed, and what their exit status tells."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import typer.rich_utils
from rich.console import Console

from core.settings import ROOT
from ops.__main__ import COMMANDS as NAMED
from ops.__main__ import NAME, command
from ops.cli.manual import PAGES, PANELS, STATUSES, commands, document, first_line

GROUP = command()
COMMANDS: dict[str, Any] = dict(commands(GROUP))
#: What is left of 80 columns beside the frame and the names.
LINE = 66


def helped(words: str) -> str:
    """`./farm WORDS --help` on a terminal of 80 columns."""
    environ = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(
        [str(ROOT / NAME), *words.split(), "--help"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def rendered(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, without a process of its own."""
    console = Console(file=StringIO(), width=80, color_system=None)
    monkeypatch.setattr(typer.rich_utils, "_get_rich_console", lambda **_: console)
    one, context = GROUP, GROUP.make_context(NAME, ["--help"], resilient_parsing=True)
    for word in name.split():
        one = one.commands[word]
        context = one.make_context(word, [], parent=context, resilient_parsing=True)
    one.format_help(context, context.make_formatter())
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("asked", sorted(NAMED))
def test_one_that_is_asked_for_is_the_same_alone(asked: str) -> None:
    alone = dict(commands(command(asked)))
    assert {name: (one.help, one.epilog) for name, one in alone.items()} == {
        name: (one.help, one.epilog) for name, one in COMMANDS.items() if name.split(" ")[0] == asked
    }


def test_one_that_is_asked_for_loads_no_other() -> None:
    code = "import sys; from ops.__main__ import command; command('psql'); print(*(name for name in sys.modules if name in sys.argv))"
    modules = sorted({place.partition(":")[0] for place in NAMED.values()})
    done = subprocess.run([sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["ops.cli.looking"]


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    assert set(PAGES) == set(COMMANDS)


@pytest.mark.parametrize("name", PAGES)
def test_its_first_sentence_fits_a_line(name: str) -> None:
    assert 0 < len(first_line(COMMANDS[name])) <= LINE


@pytest.mark.parametrize("name", PAGES)
def test_its_help_fits_80_columns_and_shows_its_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = rendered(name, monkeypatch)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80 and "…" not in text
    assert f"Usage: {NAME} {name}" in text
    assert all(f"./farm {example}" in " ".join(text.split()) for example in map(str, map(" ".join, map(str.split, PAGES[name].examples))))
    assert "Exit status 1: " in text or not PAGES[name].one or "the program's own" in PAGES[name].one


@pytest.mark.parametrize("example", [example for page in PAGES.values() for example in page.examples])
def test_its_examples_can_be_typed(example: str) -> None:
    words = shlex.split(example)
    name = " ".join(words[:2]) if words[0] in PANELS else words[0]
    COMMANDS[name].make_context(name, words[len(name.split()) :])  # raises what typer tells of wrong words


def test_alone_it_lists_every_command_with_a_line() -> None:
    text = helped("")
    assert max(map(len, text.splitlines())) <= 80 and "Usage: farm [OPTIONS] COMMAND" in text
    for name, one in GROUP.commands.items():
        assert re.search(rf"│ {name} +{re.escape(' '.join(one.help.partition(chr(10) * 2)[0].split()))}", text), name


def test_the_page_of_commands_is_what_they_say(kept: Callable[[str, str], None]) -> None:
    kept("docs/commands.md", document(GROUP))


def statuses() -> set[int]:
    """Every exit status that stands in the commands as a number."""
    found = set()
    for path in [ROOT / "ops" / "__main__.py", *(ROOT / "ops" / "cli").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="Exit"), args=[given]):
                    found |= {one.value for one in ast.walk(given) if isinstance(one, ast.Constant) and isinstance(one.value, int)}
                case ast.keyword(arg="status", value=ast.Constant(value=int(number))):
                    found.add(number)
                case _:
                    pass
    return found


def test_every_exit_status_is_documented() -> None:
    assert statuses() <= set(STATUSES) and {1, 2} <= statuses()


@pytest.mark.parametrize(
    ("words", "status"), [("coverage nyse", 2), ("storage --colour", 2), ("psql --write", 1), ("logs nobody", 2), ("nosuch", 2)]
)
def test_what_is_wrongly_asked_is_told_apart_from_what_fails(words: str, status: int, tmp_path: Any) -> None:
    argv = [str(ROOT / NAME), *words.split()]
    environ = {**os.environ, "FARM_HOME": str(tmp_path)}
    done = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (status, "") and done.stderr.strip() and "Traceback" not in done.stderr


_COMPLETES = """
source <(./farm --show-completion; true)
for words in "$@"; do
    COMP_WORDS=($words) COMP_CWORD=$(( $(wc -w <<<"$words") - 1 ))
    _farm_completion ./farm
    echo "${COMPREPLY[*]}"
done
complete -p farm
"""


def test_bash_completes_commands_options_and_names_through_the_script(tmp_path: Any) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "streamer-binance.log").touch()
    asked = ["./farm tail binance boo", "./farm logs str", "./farm status --w"]
    environ = {**os.environ, "FARM_HOME": str(tmp_path)}
    argv = ["bash", "--norc", "-c", _COMPLETES, "bash", *asked]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [
        "bookTicker",
        "streamer-binance",
        "--watch",
        "complete -o default -F _farm_completion farm",
    ], done.stderr
