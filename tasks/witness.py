"""Trades held against candles: what a minute's trades sum up to, and what the venue says of its volume in another reply."""

import math
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from core.venue import Channel
from db import engine, witnesses
from db.moments import micros
from db.witnesses import VOLUME, Witnessed
from tasks import app, resources
from venues import VENUES

#: Candles are asked for by the minute, and trades have come or been filled by then.
SETTLE = timedelta(minutes=4)
#: One run looks at so much, and a farm that was off does not look further back.
SPAN = timedelta(hours=1)
#: Our clock at asking and the venue's at trading are not one.
SLACK = timedelta(seconds=5)
#: Sums of decimals leave dust.
TOLERANCE = 1e-9
MINUTE = timedelta(minutes=1)


@app.task
def volumes(venue: str) -> dict[str, Any]:
    """Compare the minutes since the last run, as far as they are settled. A minute that holds less than its candle says is a gap. Result:
    comparisons by how they went."""
    found = Counter[str]()
    until = datetime.fromtimestamp(time.time() // 60 * 60, UTC) - SETTLE
    with closing(engine.connect(resources.config().database_url, name="tapefarm witness")) as connection:
        for channel in VENUES[venue].channels:
            if channel.candles:
                with connection, connection.cursor() as cursor:
                    found += _compare(cursor, venue, channel, until)
    return dict(found)


def _compare(cursor: Any, venue: str, channel: Channel, until: datetime) -> Counter[str]:
    found, looks = Counter[str](), []
    since = max(witnesses.looked_until(cursor, venue, channel.name) or until - MINUTE, until - SPAN)
    for instrument_id, shard, begins, ends, told, held in witnesses.volumes(cursor, venue, channel.name, since, until, SLACK):
        agrees = math.isclose(told, held, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        detail = None if agrees else f"the trades of the minute {begins:%Y-%m-%d %H:%M} sum up to {held:.15g}, its candle says {told:.15g}"
        found["agreed" if agrees else "disagreed"] += 1
        looks.append(Witnessed(venue, channel.name, instrument_id, VOLUME, micros(begins) or 0, agrees, detail))
        if not agrees and held < told:
            witnesses.open_gap(cursor, looks[-1], shard, begins, ends)
    witnesses.count(cursor, looks)
    witnesses.look_on(cursor, venue, channel.name, until)
    return found
