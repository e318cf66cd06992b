-- When venues did not trade; an empty reason where they do again.
SELECT at, venue, reason
FROM (
    SELECT greatest(since_at, %(since)s) AS at, venue, reason
    FROM planned_pauses
    WHERE venue = ANY(%(venues)s) AND since_at < %(until)s AND coalesce(until_at, 'infinity') > %(since)s
    UNION ALL
    SELECT until_at, venue, ''
    FROM planned_pauses p
    WHERE venue = ANY(%(venues)s) AND until_at >= %(since)s AND until_at < %(until)s
      AND NOT EXISTS (
          SELECT FROM planned_pauses o
          WHERE o.venue = p.venue AND o.pause_id <> p.pause_id AND o.since_at <= p.until_at AND coalesce(o.until_at, 'infinity') > p.until_at
      )
) said
ORDER BY at, venue, reason DESC
