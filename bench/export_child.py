"""python -m bench.export_child URL FOLDER VENUE DAY: export a day of quotes; says how long it took and how much memory."""

import json
import resource
import sys
import time
from datetime import date
from pathlib import Path

from db.parquet import export
from db.parquet.wanted import Wanted


def main() -> int:
    url, folder, venue, day = sys.argv[1:]
    began = time.perf_counter()
    done = export.export(url, Path(folder), Wanted("quotes", venue, date.fromisoformat(day)))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "rows": done.rows, "bytes": done.bytes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
