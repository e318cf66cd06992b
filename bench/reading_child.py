"""python -m bench.reading_child FOLDER TABLE ROWS RUNS: read the day of the benchmark so often; says how long each took. READ_URL: the database."""

import json
import os
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

from bench.reading import DAY, VENUE
from db import read


def main() -> int:
    folder, table, rows, runs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    source = read.Source(os.environ["READ_URL"], folder)
    warnings.simplefilter("ignore")  # nothing was recorded, so nothing vouches for it
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        if table == "bars_1s":
            found = read.bars(VENUE, None, DAY, DAY + timedelta(days=1), holes="warn", source=source).rows
        else:
            found = read.rows(table, VENUE, None, DAY, DAY + timedelta(days=1), holes="warn", source=source).rows
        seconds.append(time.perf_counter() - began)
        if found.height != rows:
            raise SystemExit(f"{found.height} rows were read of {rows}")
        del found
    print(json.dumps({"seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
