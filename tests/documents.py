"""What documents tell people to type: found, and taken apart as a shell does. No document needs more of a shell than this."""

import functools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from core.settings import ROOT
from ops.__main__ import command

TOP = ("README.md", "DEPLOYMENT.md", "RUNBOOK.md", "TROUBLESHOOTING.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
#: The changelog is history: what it says may have been replaced since.
PAGES = [ROOT / name for name in TOP]
PAGES += [path for folder in ("docs", "ops/runbooks", "ops/cluster", "sandbox", "venues") for path in sorted((ROOT / folder).rglob("*.md"))]

_TOKEN = re.compile(
    r"""(?P<comment>(?<![^\s;|&])\#[^\n]*) | \\\n | [ \t]+ | (?P<ends>&&|\|\||[;|&\n]) | (?P<redirect>\d?>>?&?|<)
      | (?P<word>(?:"(?:\\.|[^"\\])*"|'[^']*'|\\[^\n]|[^\s"'\\;|&<>()`])+)""",
    re.VERBOSE | re.DOTALL,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_HERE = re.compile(r"<<'?(\w+)'?\n.*?^\1$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Typed:
    """One simple command; `text` as it stands in the document, without comments and redirections."""

    text: str
    given: dict[str, str]
    words: list[str]
    #: Within a sentence.
    within: bool = False


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def typed(page: Path) -> list[Typed]:
    """Of every block of shell, and of every `./farm …` within the text."""
    text = page.read_text(encoding="utf-8")
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = [span.replace("\n", " ") for span in re.findall(r"`((?:[A-Z_]+=\S+ )*\./farm [^`]+)`", rest)]
    # An ellipsis is where a reader goes on by himself, and NAME any of the commands.
    spans = [span.replace(" …", "") for span in spans if not span.startswith("./farm NAME")]
    found = [command for part in blocks(text, "sh") for command in commands(part)]
    return found + [replace(command, within=True) for span in spans for command in commands(span)]


def commands(text: str) -> Iterator[Typed]:
    """Raises ValueError where there is more shell than simple commands: a document is to be read by people."""
    text = _HERE.sub("", text)
    words: list[str] = []
    place = 0
    redirected = False
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"too much of a shell: {text[place : place + 60]!r}")
        if found["ends"]:
            yield from _command(words)
            words = []
        elif found["word"] and not redirected:
            words.append(found["word"])
        redirected = bool(found["redirect"]) or (redirected and not found["word"])
        place = found.end()
    yield from _command(words)


def _command(words: list[str]) -> Iterator[Typed]:
    plain = [shlex.split(word)[0] if word not in ('""', "''") else "" for word in words]
    given = {}
    while plain and (found := _ASSIGNMENT.fullmatch(plain[0])):
        given[found[1]] = found[2]
        del plain[0]
    if plain or given:
        yield Typed(" ".join(words), given, plain)


_whole = functools.cache(command)


def take(words: list[str]) -> None:
    """What the command line makes of the words behind ./farm, without doing it. Raises what it would say."""
    command, name = _whole(), "farm"
    while isinstance(command, typer.core.TyperGroup):
        if not words:
            return
        if words[0].startswith("-"):
            known = {option for param in command.get_params(typer.Context(command)) for option in param.opts}
            assert words[0] in known, f"No such option: {words[0]}"
            return
        name, *words = words
        assert name in command.commands, f"No such command: {name}"
        command = command.commands[name]
    command.make_context(name, words)
