"""export_seconds, export_memory: a closed day of quotes from the database into its file, by the exporter in a process of its own."""

from contextlib import closing

from bench.children import Failed, module, started
from bench.figures import Bar, Figure
from bench.reading import DAY, FIRST_ID, VENUE, numbered
from bench.servers import Lab

SECONDS = Bar("export_seconds", "s", 300.0)
MEMORY = Bar("export_memory", "MiB", 1024.0)
ROWS, SYMBOLS = 43_000_000, 200
#: As the writers leave them: rows of one transaction sorted by instrument, of which there are many in a day.
_TRANSACTION_ROWS = 20_000
_DEADLINE_SECONDS = 900.0

_FILL = """
INSERT INTO quotes
SELECT at, at + INTERVAL '5 ms', i, part * %(each)s + n, 100 + (n %% 17) * 0.01, 1 + n %% 23, 100.01 + (n %% 17) * 0.01, 1 + n %% 19
FROM generate_series(%(first)s, %(last)s) part, generate_series(%(first_id)s, %(last_id)s) i, generate_series(0, %(each)s - 1) n,
     LATERAL (SELECT %(day)s::timestamp AT TIME ZONE 'UTC' + (part * %(each)s + n) * %(step)s::bigint * INTERVAL '1 microsecond' AS at) t
ORDER BY part, i, n
"""


def measure(lab: Lab, *, rows: int = ROWS, symbols: int = SYMBOLS) -> list[Figure]:
    stored = fill(lab, rows, symbols)
    folder = lab.folder / "exported"
    argv = module("bench.export_child", lab.servers.database_url, folder, VENUE, DAY.isoformat())
    with started("export", argv, lab.folder, lab.environment()) as child:
        done = child.line(_DEADLINE_SECONDS)
    if done["rows"] != stored:
        raise Failed(f"{done['rows']} rows were exported of {stored}")
    short = "" if rows >= ROWS else f" SHORTENED from {ROWS:,} rows, so the bar is not met whatever the value."
    how = (
        f"{stored:,} quotes of {symbols} symbols, one day, by COPY over ADBC into one file of {done['bytes'] / 2**20:.0f} MiB, to its name and the "
        f"disk;{short} the servers on the same machine"
    )
    return [
        SECONDS.figure(done["seconds"], how, valid=not short),
        MEMORY.figure(done["peak_bytes"] / 2**20, f"the most that the exporter's process had resident meanwhile; {how}", valid=not short),
    ]


def fill(lab: Lab, rows: int, symbols: int) -> int:
    """A day of quotes, in the order in which drains write them; returns how many."""
    each = max(1, _TRANSACTION_ROWS // symbols)
    parts = max(1, rows // (each * symbols))
    lab.clear()
    with closing(lab.connect()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            last_id = numbered(cursor, symbols)
            cursor.execute("INSERT INTO recorded_days (venue, kind, day) VALUES (%s, 'quotes', %s) ON CONFLICT DO NOTHING", (VENUE, DAY))
        step = 86_400_000_000 // (parts * each)
        for first in range(0, parts, 100):
            last = min(parts, first + 100) - 1
            values = {"first": first, "last": last, "first_id": FIRST_ID, "last_id": last_id, "each": each, "day": DAY, "step": step}
            with connection, connection.cursor() as cursor:
                cursor.execute(_FILL, values)
            if first % 500 == 0:
                lab.say(f"storing quotes {last + 1}/{parts}")
    return parts * each * symbols
