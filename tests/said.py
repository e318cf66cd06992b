"""What the programs can say: every text of the code, with an ellipsis where a value is put in."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator

from core.settings import ROOT

_PARTS = ("core", "db", "ops", "streamers", "tasks", "venues", "paper", "migrations")
_VALUE = re.compile(r"%[-+.\d,]*[a-z]|\$\{?\w+\}?|\{[^{}]*\}")


@functools.cache
def sayable() -> tuple[str, ...]:
    found = [text for part in _PARTS for path in sorted((ROOT / part).rglob("*.py")) for text in _texts(path.read_text(encoding="utf-8"))]
    scripts = [ROOT / "farm", *sorted((ROOT / "ops").rglob("*.sh"))]
    found += [_VALUE.sub("…", text) for path in scripts for text in re.findall(r'"([^"\n]+)"', path.read_text(encoding="utf-8"))]
    return tuple(found)


def _texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.JoinedStr(values=values):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in values)
            case ast.Constant(value=str(text)):
                yield _VALUE.sub("…", text)


def can_be_said(message: str, texts: Iterable[str]) -> bool:
    """Whether it is a part of one of them; an ellipsis of the message stands for any words."""
    parts = [re.escape(part) for part in message.split("…")]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in texts)
