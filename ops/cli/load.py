"""`./farm load`: a frame of research data, printed or into a file."""

from pathlib import Path
from typing import Any

import typer

from core import settings
from db.datasets import BARS, DATASETS
from ops.cli import complete, environment
from ops.cli.console import err, out
from ops.cli.errors import Refused
from venues import VENUES

#: Rows that are written at a time.
PIECE_ROWS = 500_000
_ENDINGS = (".parquet", ".csv", ".arrow")


def load(
    table: str = typer.Argument(
        help="trades, quotes, bars_1s, bars_1m, bars_1h or any other table of market data.", autocompletion=complete.tables
    ),
    venue: str = typer.Argument(help="As in farm.toml.", autocompletion=complete.venues),
    symbols: str | None = typer.Argument(None, help="Comma between; all of the venue when left out."),
    since: str = typer.Option(..., "--from", help="Date or time, UTC unless it says otherwise: 2026-11-01, 2026-11-01T12:30."),
    until: str = typer.Option(..., "--to", help="Likewise; not included."),
    as_of: str | None = typer.Option(None, "--as-of", help="Only what had been received by then."),
    holes: str = typer.Option("raise", help="Hours that lack something: raise (an error), warn, or mask (a column `whole`)."),
    file: str | None = typer.Option(None, "--out", help="Into this file, by its ending .parquet, .csv or .arrow; printed when left out."),
    coverage: bool = typer.Option(False, "--coverage", help="What the hours can be called, in the place of the rows."),
) -> None:
    """Print rows, or write them into a file.

    From closed days and from the database. How large the answer is does not matter to memory.
    """
    if table not in DATASETS:
        raise Refused(f"There is no table {table!r}: {', '.join(DATASETS)} are known.", status=2)
    if venue not in VENUES:
        raise Refused(f"There is no venue {venue!r}: {', '.join(sorted(VENUES))} are known.", status=2)
    if holes not in ("raise", "warn", "mask"):
        raise Refused("--holes is raise, warn or mask.", status=2)
    if file is not None and Path(file).suffix not in _ENDINGS:
        raise Refused(f"{file} ends in none of {', '.join(_ENDINGS)}.", status=2)
    named = [name.strip() for name in symbols.split(",") if name.strip()] if symbols else None
    _, values = environment.current(environment.home())
    answer = _answer(settings.load(values), table, venue, named, since, until, as_of, holes)
    pieces = iter([answer.coverage]) if coverage else answer.rows
    if file is None:
        _print(pieces)
    else:
        rows = _write(pieces, Path(file))
        err.print(f"{rows:,} rows in {file}", markup=False)


def _answer(knobs: settings.Settings, table: str, venue: str, symbols: Any, since: str, until: str, as_of: str | None, holes: str) -> "Any":
    """With rows in pieces. Raises Refused."""
    # Imported here: the libraries take half a second, and other commands need none of them.
    from db import arrow, read
    from db.parquet.places import Unreadable

    how: dict[str, Any] = {"as_of": as_of, "holes": holes, "batches": PIECE_ROWS}
    how["source"] = read.Source(knobs.reading_url, knobs.data / "parquet")
    try:
        if table in BARS:
            return read.bars(venue, symbols, since, until, interval=table.removeprefix("bars_"), **how)
        return read.rows(table, venue, symbols, since, until, **how)
    except read.Holes as exc:
        raise Refused(f"{exc}".replace('holes="warn" or "mask"', "--holes warn or mask"), status=1) from None
    except (ValueError, LookupError, Unreadable) as exc:
        raise Refused(f"{exc}.", status=2) from None
    except arrow.FAILED as exc:
        raise Refused(f"PostgreSQL does not answer as it should ({str(exc).splitlines()[0]}): `./farm status` says what runs.") from None


def _print(pieces: Any) -> None:
    """The first rows, as polars shows them."""
    import polars as pl

    first = next(pieces, None)
    if first is None:
        out.print("There are no rows.")
        return
    more = sum(piece.height for piece in pieces)
    with pl.Config(tbl_cols=-1, tbl_width_chars=max(out.width, 240)):
        out.print(str(first), markup=False)
    if more:
        out.print(f"and {more:,} more rows: --out writes them all", markup=False)


def _write(pieces: Any, path: Path) -> int:
    """Rows written. A draft beside it takes the file's name when it is whole."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    draft, rows, writer = path.with_name(f".{path.name}.new"), 0, None
    try:
        for piece in pieces:
            # Dictionaries of single pieces differ, which a file of Arrow does not allow.
            table = piece.with_columns(pl.col(pl.Categorical).cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                if path.suffix == ".parquet":
                    writer = pq.ParquetWriter(draft, table.schema, compression="zstd")
                else:
                    writer = pc.CSVWriter(draft, table.schema) if path.suffix == ".csv" else pa.ipc.new_file(draft, table.schema)
            writer.write_table(table)
            rows += piece.height
        if writer is None:
            raise Refused("There are no rows, and so no file.")
        writer.close()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return rows
