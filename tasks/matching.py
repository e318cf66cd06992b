"""Looking for markets of two venues that ask one question, and watching those that a person has confirmed."""

import logging
from contextlib import closing
from typing import Any

from db import engine
from db.paper import proposing, watching
from tasks import app, resources
from venues import VENUES

log = logging.getLogger(__name__)


@app.task
def propose(a: str, b: str) -> dict[str, Any]:
    """Result: proposals that are new or have changed, and what was left out."""
    sides = [(name, question) for name in (a, b) if (question := VENUES[name].question) is not None]
    if len(sides) < 2:
        raise ValueError(f"{a} and {b} do not both have markets that could be one question")
    with closing(engine.connect(resources.config().database_url, name="tapefarm matching")) as connection:
        done = proposing.propose(connection, *sides)
    log.info("looked for pairs a=%s b=%s result=%s", a, b, done)
    return done


@app.task
def watch() -> dict[str, Any]:
    """Suspend confirmed pairs whose rules have changed, or whose prices say that they are inverted. Result: how many."""
    with engine.kept(resources.config().database_url, name="tapefarm matching") as connection:
        with connection, connection.cursor() as cursor:
            changed = watching.suspend_changed(cursor)
        with connection, connection.cursor() as cursor:
            unequal = watching.suspend_unequal(cursor)
    for pair_id, reason in [*changed, *unequal]:
        log.warning("a pair is suspended, a person has to look at it pair=%d reason=%s", pair_id, reason)
    return {"changed": len(changed), "unequal": len(unequal)}
