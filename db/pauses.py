"""When a venue does not trade by its own word. A gap inside such a time is no loss: nothing was there to be heard."""

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from core.records import Pause
from db.moments import moment

#: A venue's state is asked for now and then, and its sockets close a little before and open a little after what it says.
SLACK = "2 minutes"


def take_over(cursor: Cursor, venue: str, pauses: Sequence[Pause], *, at_us: int) -> None:
    """Keep what the venue says now. A pause under way (without an end) ends when it is not named any more; plans alone, each with its
    end, say nothing of the present."""
    at = moment(at_us)
    for pause in pauses:
        # A pause under way has begun some time before it was seen first: its beginning stands as it was told at first.
        cursor.execute(
            "UPDATE planned_pauses SET until_at = %s, told_at = %s WHERE venue = %s AND reason = %s AND until_at IS NULL AND %s >= since_at",
            (moment(pause.until_us), at, venue, pause.reason, moment(pause.since_us)),
        )
        if cursor.rowcount == 0:
            cursor.execute(
                "INSERT INTO planned_pauses (venue, since_at, until_at, reason, told_at) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (venue, since_at, reason) DO UPDATE SET until_at = excluded.until_at, told_at = excluded.told_at "
                "WHERE planned_pauses.told_at < excluded.told_at",
                (venue, moment(pause.since_us), moment(pause.until_us), pause.reason, at),
            )
    named = [pause.reason for pause in pauses if pause.until_us is None]
    if pauses and not named:
        return
    cursor.execute(
        "UPDATE planned_pauses SET until_at = %s, told_at = %s WHERE venue = %s AND until_at IS NULL AND told_at < %s AND reason <> ALL(%s)",
        (at, at, venue, at, named),
    )
