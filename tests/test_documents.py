"""Whatever a document tells people to type exists: commands and their options, services, units, files, variables, tables, and messages."""

import functools
import os
import re
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import typer
import yaml

from core.settings import ROOT
from db import engine
from tests.documents import PAGES, Typed, blocks, commands, take, typed
from tests.said import can_be_said, sayable

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
UNITS = {path.name for path in (ROOT / "ops" / "systemd").glob("tapefarm*")}
ENVIRONMENT = (ROOT / ".env.example").read_text(encoding="utf-8")
#: Of other people, and what of them is typed is for them to say.
FOREIGN = {
    *("age", "age-keygen", "apt-get", "awk", "cat", "cd", "chmod", "chown", "cp", "createdb", "curl", "df", "dmesg", "du", "git", "grep"),
    *("head", "install", "ip", "kubectl", "kustomize", "ls", "mkdir", "mv", "nc", "openssl", "pg_restore", "pip-compile", "ps", "psql"),
    *("printf", "read", "sed"),
    *("python3", "redis-cli", "rsync", "scp", "sha256sum", "ss", "ssh", "sysctl", "tail", "tar", "timedatectl", "ufw", "zstd"),
    *("docker", "systemctl", "journalctl", "export", "set", "source", "systemd-analyze", "loginctl", "zcat", "ping", "mount", "hcloud"),
}
#: docker compose: of these the words behind are services.
ON_SERVICES = {"up", "stop", "start", "restart", "logs", "exec", "run", "ps", "pull", "build", "kill", "rm"}
#: ... and these have a value behind them.
VALUED = {"-e", "--env", "--tail", "--since", "-u", "--user", "--volume", "-v", "--scale", "--timeout", "-t", "--env-file", "-f"}
#: Words that stand for what the reader has, or makes.
STANDS_FOR = re.compile(r"[A-Z][A-Z0-9_]*|.*[…*$<>{].*|.*/mine\b.*", re.DOTALL)


# --- what may be wrong with a command -------------------------------------------------------------------------------------
def complaints(one: Typed) -> list[str]:
    words = list(one.words)
    told = [*_variables(one.given), *_profiles(one.given.get("COMPOSE_PROFILES", ""))]
    if words[:1] == ["for"] or words == ["done"]:
        return told
    while words and words[0] in ("sudo", "nohup", "time", "env", "exec", "do"):
        words = words[3:] if words[1:2] == ["-u"] else words[1:]
        while words and re.match(r"[A-Z_]+=", words[0]):
            told += _variables({words[0].partition("=")[0]: ""})
            del words[0]
    if not words:
        return told
    match words:
        case ["./farm" | "tapefarm", *rest]:
            told += _farm(rest, bare=one.within and len(rest) == 1)  # a name that the sentence is about
        case ["docker", "compose", *rest]:
            told += _compose(rest)
        case ["systemctl" | "journalctl" | "systemd-analyze", *rest]:
            told += [f"no unit {name}" for name in _units(rest) if name not in UNITS]
        case ["python" | "python3" | ".venv/bin/python", "-m", module, *rest]:
            told += _module(module, rest)
        case ["ssh", *rest]:
            told += [f"nothing of the farm is at port {port}" for port in _forwarded(rest) if f"_PORT={port}\n" not in f"{ENVIRONMENT}\n"]
        case [program, *rest] if "/" in program and not program.startswith((".venv/", "/")):
            told += _script(ROOT / program, rest)
        case [program, *_] if program not in FOREIGN and "/" not in program:
            told.append(f"no program {program}")
    return told + [f"no file {word}" for word in words if _is_path(word) and not (ROOT / word).exists()]


def _variables(given: dict[str, str]) -> Iterator[str]:
    for name in given:
        if name.isupper() and not is_variable(name):
            yield f"no variable {name}"


def is_variable(name: str) -> bool:
    return name in read_by_something()


@functools.cache
def read_by_something() -> set[str]:
    """Words in capitals of all that reads variables: programs, scripts, and what they are configured by."""
    endings = (".py", ".sh", ".yml", ".yaml", ".toml", ".service", ".sql", ".env", "farm", "Dockerfile", ".env.example", "Caddyfile")
    parts = [part for part in ROOT.iterdir() if part.name == ".env.example" or not part.name.startswith((".", "tests"))]
    paths = [ROOT / "tests" / "conftest.py", *(path for part in parts for path in (part, *part.rglob("*")))]
    texts = (path.read_text(encoding="utf-8") for path in paths if path.is_file() and path.name.endswith(endings))
    return {word for text in texts for word in re.findall(r"\b[A-Z][A-Z0-9_]+\b", text)}


def _profiles(names: str) -> list[str]:
    known = {profile for service in COMPOSE["services"].values() for profile in service.get("profiles", [])}
    return [f"no profile {name}" for name in names.split(",") if name and name not in known]


def _farm(words: list[str], *, bare: bool = False) -> list[str]:
    try:
        take([*words, "--help"] if bare else words)
    except typer.Exit:  # --help
        return []
    except Exception as exc:  # noqa: BLE001  # whatever the command line would say, of the library's own classes
        return [f"./farm {' '.join(words)}: {getattr(exc, 'message', exc)}"]
    return []


def _compose(words: list[str]) -> list[str]:
    told: list[str] = []
    while words and words[0].startswith("-"):
        if words[0] == "--profile":
            told += _profiles(words[1])
        words = words[2:] if words[0] in ("--profile", "-f", "--file", "--env-file", "-p") else words[1:]
    if not words:
        return told
    verb, *rest = words
    named = _without_options(rest) if verb in ON_SERVICES else []
    if verb in ("exec", "run"):
        named = named[:1]
    return told + [f"no service {name}" for name in named if name not in COMPOSE["services"] and not STANDS_FOR.fullmatch(name)]


def _without_options(words: list[str]) -> list[str]:
    kept, valued = [], False
    for word in words:
        if not valued and not word.startswith("-"):
            kept.append(word)
        valued = word in VALUED
    return kept


def _units(words: list[str]) -> list[str]:
    """As the files are called: an instance is of its template. One without an ending is a service."""
    found = []
    for word in words:
        name = word.removeprefix("--unit=")
        if name.startswith("tapefarm") and not STANDS_FOR.fullmatch(name.partition("@")[0]):
            stem, at, rest = name.partition("@")
            ending = (rest if at else name).rpartition(".")[2] if "." in (rest if at else name) else "service"
            found.append(f"{stem.partition('.')[0]}{at}.{ending}")
    return found


def _module(name: str, words: list[str]) -> list[str]:
    if name.partition(".")[0] in ("pytest", "venv", "pip", "http"):
        return []
    if find_spec(name) is None:
        return [f"no module {name}"]
    folder = ROOT / name.replace(".", "/")
    texts = "".join(
        path.read_text(encoding="utf-8") for path in ([*folder.rglob("*.py")] if folder.is_dir() else [folder.with_suffix(".py")])
    )
    # An option may be made of an argument's name.
    return [f"no option {word} of {name}" for word in _options(words) if word not in texts and word[2:].replace("-", "_") not in texts]


def _script(path: Path, words: list[str]) -> list[str]:
    if not os.access(path, os.X_OK):
        return [f"{path.name} cannot be executed"]
    text = path.read_text(encoding="utf-8")
    return [f"no option {word} of {path.name}" for word in _options(words) if word not in text]


def _options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def _forwarded(words: list[str]) -> list[str]:
    return re.findall(r"\d+:(?:127\.0\.0\.1|localhost):(\d+)", " ".join(words))


def _is_path(word: str) -> bool:
    """Of this repository: what is made, or lies elsewhere, is not."""
    top, slash, _ = word.partition("/")
    return (
        bool(top and slash)
        and top != "."
        and (ROOT / top).is_dir()
        and not STANDS_FOR.fullmatch(word)
        and not top.startswith((".venv", ".farm"))
    )


# --- what documents say ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_document_tells_to_type_is_there(page: Path) -> None:
    assert [f"{one.text}: {what}" for one in typed(page) for what in complaints(one)] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("./farm status --loud", "No such option"),
        ("./farm match confirm twelve", "unable to parse string as an integer"),
        ("./farm paper frobnicate", "No such command"),
        ("cd x && FARM_VENUE=binance ./farm up", "no variable FARM_VENUE"),
        ("COMPOSE_PROFILES=monitoring,moon docker compose up -d", "no profile moon"),
        ("docker compose --profile moon up", "no profile moon"),
        ("docker compose logs --tail 5 worker-writer", "no service worker-writer"),
        ("docker compose exec -e A=b postgres psql", "no service postgres"),
        ("sudo systemctl restart tapefarm-writer@x", "no unit tapefarm-writer@.service"),
        ("python -m ops.nothing", "no module ops.nothing"),
        ("ssh -N -L 8001:127.0.0.1:8001 me@host", "nothing of the farm is at port 8001"),
        ("cat ops/runbooks/none.md", "no file ops/runbooks/none.md"),
        ("faarm up", "no program faarm"),
    ],
)
def test_what_is_not_there_is_complained_of(text: str, told: str) -> None:
    assert told in " ".join(what for one in commands(text) for what in complaints(one))


@pytest.mark.parametrize("text", ["for x in a b; do (echo $x); done", 'echo "$(date)" `id`', "cat <(ls)"])
def test_more_than_simple_commands_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too much of a shell"):
        list(commands(text))


def test_a_command_is_taken_apart_as_a_shell_does() -> None:
    found = list(
        commands("A=b ./farm psql -c \"select 'a|b' # no comment\" | head -3 >out 2>&1  # a comment; that's all\ncd x && ls\\\n -l")
    )
    assert [(one.given, one.words) for one in found] == [
        ({"A": "b"}, ["./farm", "psql", "-c", "select 'a|b' # no comment"]),
        ({}, ["head", "-3"]),
        ({}, ["cd", "x"]),
        ({}, ["ls", "-l"]),
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT], ids=lambda page: page.name)
def test_variables_that_a_document_names_are_read_by_something(page: Path) -> None:
    named = set(re.findall(r"`([A-Z]{2,}(?:_[A-Z]+)+)(?:=[^`]*)?`", page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not is_variable(name)] == []


# --- questions to the database --------------------------------------------------------------------------------------------
def questions(page: Path) -> list[str]:
    asked = [
        word for one in typed(page) if one.words[:2] == ["./farm", "psql"] and "--write" not in one.words for word in _behind_c(one.words)
    ]
    parts = [part for text in [*asked, *blocks(page.read_text(encoding="utf-8"), "sql")] for part in text.split(";")]
    return [part.strip() for part in parts if re.search(r"^\s*(select|with)\b", part, re.IGNORECASE | re.MULTILINE)]


def _behind_c(words: list[str]) -> list[str]:
    return [word for before, word in pairwise(words) if before == "-c"]


def test_every_question_is_one_that_the_database_understands(migrated_database_url: str) -> None:
    asked = [(page.name, question) for page in PAGES for question in questions(page)]
    assert len(asked) > 20
    refused = []
    with closing(engine.connect(migrated_database_url, name="test")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for page, question in asked:
            try:
                cursor.execute(f"EXPLAIN {question}")
            except psycopg2.Error as exc:
                refused.append(f"{page}: {question}: {exc}")
    assert refused == []


# --- messages -------------------------------------------------------------------------------------------------------------
def messages() -> list[str]:
    """What TROUBLESHOOTING.md says that somebody sees, in quotes."""
    page = ROOT / "TROUBLESHOOTING.md"
    return re.findall(r"“([^”]+)”", page.read_text(encoding="utf-8").replace("\n", " "))


def test_every_message_is_one_that_a_program_says() -> None:
    texts = sayable()
    assert len(messages()) > 20
    assert [message for message in messages() if not can_be_said(message, texts)] == []


def test_a_message_that_nobody_says_is_found_out() -> None:
    texts = sayable()
    assert can_be_said("Port 8000, wanted for …, is in use".replace("8000", "…"), texts)
    assert not can_be_said("Port …, wanted for …, is taken", texts)
