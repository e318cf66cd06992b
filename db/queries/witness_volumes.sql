-- Each minute of a channel's trades that was asked for as a whole, of which no loss is known and whose candle has been told as closed.
SELECT c.instrument_id, a.shard, c.event_at, c.event_at + c.interval_seconds * INTERVAL '1 second' AS ends_at, c.volume AS told, t.volume AS held
FROM candles c
JOIN instruments i ON i.instrument_id = c.instrument_id AND i.venue = %(venue)s
-- Who is asked for in the middle of a minute hears the rest of it.
CROSS JOIN LATERAL (
    SELECT shard FROM subscriptions s
    WHERE s.venue = %(venue)s AND s.channel = %(channel)s AND s.instrument_id = c.instrument_id
      AND s.from_at < c.event_at - %(slack)s AND coalesce(s.to_at, 'infinity') > c.event_at + c.interval_seconds * INTERVAL '1 second' + %(slack)s
    LIMIT 1
) a
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity), 0) AS volume FROM trades
    WHERE instrument_id = c.instrument_id
      AND event_at >= c.event_at AND event_at < c.event_at + c.interval_seconds * INTERVAL '1 second'
) t
WHERE c.event_at >= %(since)s AND c.event_at < %(until)s AND c.closed
  AND NOT EXISTS (
    SELECT FROM data_gaps g
    WHERE g.venue = %(venue)s AND g.channel = %(channel)s AND g.state NOT IN ('filled', 'planned')
      AND (g.instrument_id = c.instrument_id OR (g.instrument_id IS NULL AND g.shard = a.shard))
      AND coalesce(g.event_from, g.received_from, '-infinity') <= c.event_at + c.interval_seconds * INTERVAL '1 second' + %(slack)s
      AND coalesce(g.event_to, g.received_to, 'infinity') >= c.event_at - %(slack)s
  )
ORDER BY c.instrument_id, c.event_at
