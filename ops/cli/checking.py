"""`./farm bench` and `./farm test`: is it still as fast, is it still right."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from core.settings import ROOT
from ops.cli import environment
from ops.cli.errors import Refused

#: Most tests wait for servers and sockets more than they compute: one more at a time than a small machine has cores.
SIDE_BY_SIDE = ["-n", str(min(os.cpu_count() or 1, 4) + 1), "--dist", "loadfile", "--no-loadscope-reorder"]
#: So many failed tests at most are looked at again; more is no matter of a busy machine.
LOOKED_AT_AGAIN = 10
_SOME_FAILED = 1  # pytest's exit status
_LAST_FAILED = ".pytest_cache/v/cache/lastfailed"


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Figures to measure; default: all.")] = None,
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
    quick: bool = typer.Option(False, "--quick", help="Shorten the long run of memory_growth, which then meets no bar."),
) -> None:
    """Measure the farm's speed against its bars.

    On servers of the benchmark's own. Exit status 0 only when every bar is met.
    """
    if not (ROOT / "bench" / "__main__.py").exists():
        raise Refused("The benchmarks are not in this checkout: bench/ is missing.")
    if quick:
        os.environ.setdefault("BENCH_MINUTES", "2")
    module = importlib.import_module("bench.__main__")
    raise typer.Exit(int(module.run(names or [], as_json)))


def test(context: typer.Context) -> None:
    """Run the tests, on servers of their own; arguments are pytest's.

    Without any, all of them, several files side by side; a few that fail so are run again by themselves, and named.
    """
    # A farm that runs beside, or servers of the user's, are none of the tests' business.
    clean = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    os.chdir(ROOT)
    if context.args:
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *context.args], clean)  # noqa: S606
    raise typer.Exit(run_all(ROOT, clean))


def run_all(root: Path, environ: Mapping[str, str]) -> int:
    """Exit status of all tests of `root`: what fails while farms beside it keep the machine busy has to pass by itself."""
    known = root / _LAST_FAILED
    known.unlink(missing_ok=True)
    status = _pytest(root, environ, *SIDE_BY_SIDE)
    failed = sorted(json.loads(known.read_text(encoding="utf-8"))) if status == _SOME_FAILED and known.exists() else []
    if not 0 < len(failed) <= LOOKED_AT_AGAIN:
        return status
    print(f"\n{len(failed)} failed beside the others. By themselves:", flush=True)
    status = _pytest(root, environ, *failed)
    if status == 0:
        print("Passed by themselves only, which a test must not need. Mend them:", *failed, sep="\n  ", flush=True)
    return status


def _pytest(root: Path, environ: Mapping[str, str], *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=root, env=dict(environ), check=False).returncode
