"""python -m bench.backfill_child FROM_US SECONDS [SYMBOL]: one job over all the past of a symbol, as a worker takes it on but without Celery.

The venue's budget is lifted: what is measured is the farm. Says what it did as a line of JSON when the job is over.
"""

import json
import sys
import time
from contextlib import closing
from dataclasses import replace

from bench.pages import SYMBOL
from core.venue import Limits
from db import backfills, engine
from db.backfills import Job
from tasks import backfill, resources
from venues import VENUES

UNLIMITED = Limits(weight_per_minute=10**12, messages_per_second=5, connection_seconds=86_400)


def main() -> int:
    since_us, until = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
    symbol = sys.argv[3] if len(sys.argv) > 3 else SYMBOL
    VENUES["binance"] = replace(VENUES["binance"], limits=UNLIMITED)
    with closing(engine.connect(resources.config().database_url, name="tapefarm bench backfill")) as connection:
        with connection, connection.cursor() as cursor:
            number = backfills.ask(cursor, Job("binance", "aggTrade", [symbol], since_us, time.time_ns() // 1000 - 1_000_000))
        assert number is not None
        began, cpu = time.perf_counter(), time.process_time()
        while True:
            backfill.work()
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT state, rows, requests, lacking, reason FROM backfills WHERE backfill_id = %s", (number,))
                state, rows, requests, lacking, reason = cursor.fetchone()  # type: ignore[misc]
            if state not in backfills.ALIVE or time.monotonic() > until:
                break
    done = {"state": state, "rows": rows, "requests": requests, "lacking": lacking, "reason": reason}
    print(json.dumps({**done, "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
