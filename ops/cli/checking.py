"""`./farm bench` and `./farm test`: is it still as fast, is it still right."""

import importlib
import os
import sys
from typing import Annotated

import typer

from core.settings import ROOT
from ops.cli import environment
from ops.cli.errors import Refused

#: Most tests wait for servers and sockets more than they compute: one more at a time than a small machine has cores.
SIDE_BY_SIDE = ["-n", str(min(os.cpu_count() or 1, 4) + 1), "--dist", "loadfile", "--no-loadscope-reorder"]


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

    Without any, all of them, several files side by side.
    """
    # A farm that runs beside, or servers of the user's, are none of the tests' business.
    clean = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *(context.args or SIDE_BY_SIDE)], clean)  # noqa: S606
