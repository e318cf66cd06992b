-- The gaps behind broken hours: not filled, within the time, of the instruments or of a shard on which one of them was asked for.
SELECT g.gap_id, g.venue, g.channel, g.shard, i.symbol, g.cause, g.state, g.first_missing, g.last_missing,
       coalesce(g.event_from, g.received_from) AS from_at, coalesce(g.event_to, g.received_to) AS to_at, g.found_at, g.detail, g.evidence,
       count(*) OVER () AS found
FROM data_gaps g LEFT JOIN instruments i USING (instrument_id)
WHERE g.state NOT IN ('filled', 'planned')
  AND coalesce(g.event_from, g.received_from, g.found_at) < :until
  AND (g.state = 'open' OR coalesce(g.event_to, g.received_to, g.found_at) >= :since)
  AND (CAST(:venue AS text) IS NULL OR g.venue = :venue) AND (CAST(:channel AS text) IS NULL OR g.channel = :channel)
  AND (CAST(:symbols AS text) IS NULL OR i.symbol ~ CAST(:symbols AS text) OR g.instrument_id IS NULL AND EXISTS (
        SELECT FROM subscriptions s
        WHERE (s.venue, s.channel, s.shard) = (g.venue, g.channel, g.shard) AND s.symbol ~ CAST(:symbols AS text)
          AND s.from_at < coalesce(g.event_to, g.received_to, 'infinity')
          AND coalesce(s.to_at, 'infinity') > coalesce(g.event_from, g.received_from, '-infinity')))
ORDER BY from_at NULLS FIRST, g.gap_id
LIMIT :limit
