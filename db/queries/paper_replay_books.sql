-- Rows of books in the order in which they were received, from the last whole state before the beginning on, and moments from which on a
-- book was not known. kind: 0 of a whole state, 1 a change, 2 lost. What was received before the beginning is told as of it.
WITH wanted AS (SELECT unnest(%(instruments)s::int[]) AS instrument_id),
begun AS (
    SELECT w.instrument_id, s.event_at, s.received_at
    FROM wanted w CROSS JOIN LATERAL (
        SELECT event_at, received_at
        FROM book_snapshots b
        WHERE b.instrument_id = w.instrument_id AND b.event_at > %(since)s - INTERVAL '7 days' AND b.event_at < %(until)s
          AND b.received_at < %(since)s
        ORDER BY b.event_at DESC, b.received_at DESC LIMIT 1
    ) s
),
places AS (
    SELECT DISTINCT instrument_id, venue, channel, shard, from_at, coalesce(to_at, 'infinity') AS to_at
    FROM subscriptions JOIN wanted USING (instrument_id)
),
lost AS (
    SELECT g.instrument_id, coalesce(g.received_from, g.event_from, g.found_at) AS at
    FROM data_gaps g JOIN wanted USING (instrument_id)
    WHERE g.channel IN (SELECT p.channel FROM places p WHERE p.instrument_id = g.instrument_id)
    UNION ALL
    SELECT p.instrument_id, coalesce(g.received_from, g.event_from, g.found_at)
    FROM data_gaps g JOIN places p USING (venue, channel, shard)
    WHERE g.instrument_id IS NULL AND coalesce(g.received_from, g.event_from, g.found_at) BETWEEN p.from_at AND p.to_at
    UNION ALL
    SELECT p.instrument_id, p.to_at
    FROM places p
    WHERE p.to_at < 'infinity'
      AND NOT EXISTS (SELECT FROM places o WHERE o.instrument_id = p.instrument_id AND o.from_at <= p.to_at AND o.to_at > p.to_at)
)
SELECT received, instrument_id, kind, event_at, update_id, side, price, quantity
FROM (
    SELECT greatest(b.received_at, %(since)s) AS received, b.received_at, b.instrument_id, 0 AS kind, b.event_at, b.update_id, b.side, b.price,
           b.quantity
    FROM book_snapshots b LEFT JOIN begun USING (instrument_id)
    WHERE b.instrument_id = ANY(%(instruments)s) AND b.event_at > %(since)s - INTERVAL '7 days' AND b.event_at < %(until)s + INTERVAL '1 hour'
      AND b.received_at >= coalesce(begun.received_at, %(since)s) AND b.received_at < %(until)s
    UNION ALL
    SELECT greatest(d.received_at, %(since)s), d.received_at, d.instrument_id, 1, d.event_at, d.update_id, d.side, d.price, d.quantity
    FROM book_deltas d LEFT JOIN begun USING (instrument_id)
    WHERE d.instrument_id = ANY(%(instruments)s) AND d.event_at >= least(%(since)s, begun.event_at) - INTERVAL '1 hour'
      AND d.event_at < %(until)s + INTERVAL '1 hour'
      AND d.received_at >= coalesce(begun.received_at, %(since)s) AND d.received_at < %(until)s
    UNION ALL
    SELECT greatest(l.at, %(since)s), l.at, l.instrument_id, 2, l.at, 0, 1, 0, 0
    FROM lost l LEFT JOIN begun USING (instrument_id)
    WHERE l.at >= coalesce(begun.received_at, %(since)s) AND l.at < %(until)s
) told
ORDER BY received, instrument_id, received_at, kind = 2 DESC, event_at, kind, update_id, side DESC, price
