"""python -m bench [NAME…] [--json] [--quick]: measure the farm against its bars, on servers of the benchmark's own.

Progress on stderr, figures on stdout. Ends with 0 when all that was asked for was measured and met, with 1 when a bar was missed or a
stage could not be measured, with 2 for a name that there is none of. `--quick` (or BENCH_MINUTES) shortens the long run of memory_growth.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import machine
from bench.children import Failed
from bench.figures import Figure
from bench.servers import Lab, laboratory
from bench.stages import NAMES, Stage, measured, wanted

QUICK_MINUTES = "2"
#: What a stage may raise because of the machine or of what is measured; the others are still measured.
_STAGE_ERRORS = (Failed, OSError, RuntimeError, ValueError)


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def run(names: list[str], as_json: bool) -> int:
    """The exit status."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"There is no figure {', '.join(unknown)}; there are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    load = machine.load_now()
    with laboratory(_say) as lab:
        about = machine.describe(lab, load)
        figures, failures = _measure_all(lab, wanted(names), names)
    _print(about, figures, as_json=as_json)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 0 if figures and not failures and all(figure.met for figure in figures) else 1


def _measure_all(lab: Lab, stages: Sequence[Stage], names: Sequence[str]) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    failures = []
    for stage in stages:
        title = ", ".join(bar.name for bar in stage.bars)
        _say(f"measuring {title}")
        try:
            figures += measured(lab, [stage], names)
        except _STAGE_ERRORS as exc:
            failures.append(f"{title} could not be measured: {exc}")
            _say(failures[-1])
    return figures, failures


def document(about: dict[str, Any], figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": about, "figures": [figure.document() for figure in figures]}


def _print(about: dict[str, Any], figures: Sequence[Figure], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document(about, figures), indent=1, ensure_ascii=False))
        return
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    for figure in figures:
        word = "met" if figure.met else "MISSED"
        print(f"{figure.name:24} {figure.value:10.3f} {figure.unit:12} bar {figure.bar:g} {word}\n    {figure.how}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the farm's speed against its bars.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"figures to measure; default: all of {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--quick", action="store_true", help=f"memory_growth over {QUICK_MINUTES} minutes, which meets no bar")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        os.environ.setdefault("BENCH_MINUTES", QUICK_MINUTES)
    return run(arguments.names, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
