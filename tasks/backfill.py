"""Reading the past again: gaps become jobs, jobs go on step by step. Both tasks begin from the database, and may run twice or never."""

import logging
import time
from collections import Counter
from typing import Any

from core.redisdb import RedisError
from db import backfills, engine, gaps
from db.backfills import Job
from db.engine import Connection
from tasks import app, endings, lifecycle, planning, resources
from tasks.asking import patient
from tasks.pace import paced
from tasks.stepping import Stepper
from venues import VENUES

log = logging.getLogger(__name__)

#: Missing ids may still come by another socket; instruments of a deaf shard speak again by themselves, and then tell their own ids.
IDS_SECONDS, SHARD_SECONDS = 5.0, 20.0
#: Gaps of one round, and jobs at any time; what is beyond waits as an open gap.
ROUND_GAPS, MAX_JOBS = 500, 2_000
#: A turn, then a successor of the schedule: the queue is shared with the planner.
TURN_SECONDS = 15.0
#: A step ends after so many pages or so long; it holds what it brought in memory page by page only.
STEP_PAGES, STEP_SECONDS = 100, 5.0
ROUND_JOBS = 50
#: A turn does not wait longer than this for the next job that is due.
IDLE_SECONDS, NAP_SECONDS = 2.0, 0.05
#: After the database has refused a statement of one job, so that the others have their turn.
TROUBLE_SECONDS = 60.0


@app.task
def plan() -> dict[str, Any]:
    """Open a job for each gap that can be filled, and say of the others why they cannot. Result: gaps by what became of them."""
    settings, found = resources.config(), Counter[str]()
    with engine.kept(settings.database_url, name="tapefarm backfill plan") as connection:
        with connection, connection.cursor() as cursor:
            room = MAX_JOBS - backfills.alive(cursor)
            waiting = gaps.waiting(cursor, ids_seconds=IDS_SECONDS, shard_seconds=SHARD_SECONDS, limit=min(ROUND_GAPS, max(room, 0)))
        for gap in waiting:
            universe = resources.board().universe(gap.venue) or []
            with connection, connection.cursor() as cursor:
                found[planning.settle(cursor, gap, VENUES.get(gap.venue), universe, settings.gap_lookback_hours)] += 1
    return dict(found)


@app.task
def work() -> dict[str, Any]:
    """Take the jobs that are due a step further, in turn, for one turn of ours. Result: steps, and why it ended."""
    steps, until = 0, time.monotonic() + TURN_SECONDS
    try:
        with engine.kept(resources.config().database_url, name="tapefarm backfill") as connection:
            while time.monotonic() < until and not lifecycle.ending():
                taken = _round(connection, until)
                steps += taken
                if not taken and not _nap(connection):
                    return {"steps": steps, "ended": "nothing is due"}
    except (*engine.UNREACHABLE, RedisError) as exc:
        return {"steps": steps, "ended": f"waiting: {exc}"[:300]}
    return {"steps": steps, "ended": "worker ends" if lifecycle.ending() else "turn over"}


def _nap(connection: Connection) -> bool:
    """Wait a little for a job that will soon be due; false when none will."""
    with connection, connection.cursor() as cursor:
        wait = backfills.next_due_seconds(cursor)
    if wait is None or wait > IDLE_SECONDS:
        return False
    time.sleep(min(max(wait, NAP_SECONDS), IDLE_SECONDS))
    return True


def _round(connection: Connection, until: float) -> int:
    """One step of each job that is due; how many were taken."""
    with connection, connection.cursor() as cursor:
        due = backfills.due(cursor, ROUND_JOBS)
    taken = 0
    for number in due:
        if time.monotonic() > until or lifecycle.ending():
            break
        with connection, connection.cursor() as cursor:
            ours = backfills.lock(cursor, number)
        if ours:
            try:
                taken += _taken(connection, number)
            finally:
                if not connection.closed:
                    with connection, connection.cursor() as cursor:
                        backfills.unlock(cursor, number)
    return taken


def _taken(connection: Connection, number: int) -> bool:
    with connection, connection.cursor() as cursor:
        job = backfills.load(cursor, number)
    if job is None:
        return False
    try:
        _step(connection, job)
    except RedisError:
        raise
    except engine.UNREACHABLE as exc:
        if connection.closed:
            raise
        log.warning("step of a backfill failed, going on later backfill=%s cause=%s", number, exc)
        _keep(connection, job, TROUBLE_SECONDS)
    except Exception as exc:  # a bug of one job must not stop the others: it is ended and told
        log.exception("step of a backfill failed")
        with connection, connection.cursor() as cursor:
            endings.fail(cursor, job, f"{type(exc).__name__}: {exc}")
        _keep(connection, job, 0.0)
    return True


def _step(connection: Connection, job: Job) -> None:
    history = VENUES[job.venue].histories[job.channel]
    began = time.monotonic()

    def enough(pages: int) -> bool:
        return pages >= STEP_PAGES or time.monotonic() - began > STEP_SECONDS or lifecycle.ending()

    pace = resources.pace()
    hosts = [patient(paced(http.fetch, pace), began + STEP_SECONDS) for http in resources.past(job.venue)]
    stepper = Stepper(job, history, hosts, resources.journal(), connection, enough=enough, now_us=time.time_ns() // 1000)
    wait = stepper.step()
    with connection, connection.cursor() as cursor:
        if stepper.over:
            wait = endings.end(cursor, job, stepper.position)
            job.position = stepper.position.stored()
        backfills.save(cursor, job, wait)


def _keep(connection: Connection, job: Job, wait_seconds: float) -> None:
    with connection, connection.cursor() as cursor:
        backfills.save(cursor, job, wait_seconds)
