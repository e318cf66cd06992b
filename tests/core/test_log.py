"""Log lines: one an event, whichever way they are written."""

import ast
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.log import _FIELDS, TEXT, Lines, Text, conversions, parts
from core.settings import ROOT, SettingsError, load


def record(message: str, *given: Any) -> logging.LogRecord:
    return logging.LogRecord("streamers.slot", logging.WARNING, "slot.py", 1, message, given, None)


@pytest.mark.parametrize(
    ("message", "given", "sentence", "fields"),
    [
        ("slot opened stream=%s instruments=%d", ("a:b:0:a", 7), "slot opened", {"stream": "a:b:0:a", "instruments": 7}),
        ("redis takes writes again", (), "redis takes writes again", {}),
        ("it is 100 % full", (), "it is 100 % full", {}),
        ("it is 100 %% full share=%.2f", (0.5,), "it is 100 % full", {"share": 0.5}),
        ("%s failed cause=%s", ("proof", "a=b c=d\nx"), "proof failed", {"cause": "a=b c=d\nx"}),
        ("not one time in %d: rate=%5.1f, so", (3, 2.0), "not one time in 3: rate=  2.0, so", {}),
        ("task %(name)s took %(seconds)s", ({"name": "x", "seconds": 2},), "task x took 2", {"name": "x", "seconds": 2}),
    ],
)
def test_a_line_is_a_constant_sentence_and_its_fields(message: str, given: Any, sentence: str, fields: dict[str, Any]) -> None:
    assert parts(record(message, *given)) == (sentence, fields)


def test_a_line_of_json_has_plain_values_and_keeps_its_own_names() -> None:
    told = json.loads(Lines().format(record("no luck level=%s share=%s path=%s n=%d", "high", float("nan"), Path("x"), 3)))
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "WARNING",
        "logger": "streamers.slot",
        "event": "no luck",
        "level_": "high",
        "share": "nan",
        "path": "x",
        "n": 3,
    }


def test_what_a_venue_says_cannot_begin_a_line_of_text() -> None:
    line = Text("%(levelname)s %(message)s").format(record("frame message=%s", "x\n2026-01-01 INFO all is well\r\n"))
    assert line == "WARNING frame message=x\\n2026-01-01 INFO all is well\\r\\n"


def test_a_format_that_is_neither_is_an_error() -> None:
    assert load({}).log_format == TEXT
    with pytest.raises(SettingsError, match="LOG_FORMAT='xml' cannot be used: give text or json"):
        load({"LOG_FORMAT": "xml"})


_SAYS = """
import logging, threading, warnings
from core import log
log.configure("INFO", "json")
logging.getLogger("a").info("begun n=%d", 1)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("a").exception("failed of=%s", "two")
warnings.warn("old")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise RuntimeError("nobody\\nexpects it")
"""


def test_everything_a_program_says_is_an_object_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", _SAYS], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["logger"], one["level"]) for one in told] == [
        ("a", "INFO"),
        ("a", "ERROR"),
        ("py.warnings", "WARNING"),
        ("python", "CRITICAL"),
        ("python", "CRITICAL"),
    ]
    assert told[1]["event"] == "failed" and told[1]["of"] == "two" and told[1]["traceback"].endswith("ZeroDivisionError: division by zero")
    assert told[4]["traceback"].endswith("RuntimeError: nobody\nexpects it")


def calls() -> list[tuple[str, str, int]]:
    """(place, template, arguments) of every log line of ours that stands as a literal."""
    found = []
    for part in ("core", "db", "ops", "streamers", "tasks", "venues"):
        for path in sorted((ROOT / part).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                to = node.func.value
                if not (isinstance(to, ast.Name) and to.id == "log" and node.func.attr in {*_METHODS, "log"}):
                    continue
                given = node.args[1:] if node.func.attr == "log" else node.args
                if isinstance(given[0], ast.Constant):
                    stars = any(isinstance(one, ast.Starred) for one in given)
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", str(given[0].value), -1 if stars else len(given) - 1))
    return found


_METHODS = ("debug", "info", "warning", "error", "exception", "critical")


def test_every_line_of_ours_has_its_fields_at_its_end() -> None:
    found = calls()
    assert len(found) > 60
    for place, template, count in found:
        told = _FIELDS.search(template)
        sentence = template[: told.start()] if told else template
        assert "=%" not in sentence, f"{place}: a field stands before the end of {template!r}"
        assert count in (-1, conversions(template)), f"{place}: {template!r} is given {count} values"
