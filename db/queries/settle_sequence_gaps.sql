-- A gap in a sequence is filled when all of its ids are there. Only young, bounded gaps are looked at.
UPDATE data_gaps g
SET state = 'filled'
WHERE g.state = 'missing'
  AND g.cause = 'sequence'
  AND g.venue = :venue
  AND g.channel = :channel
  AND g.found_at > now() - INTERVAL '3 days'
  AND g.last_missing - g.first_missing < 1000000
  AND (
      SELECT count(*) FROM {table} t
      WHERE t.instrument_id = g.instrument_id
        AND t.{sequence} BETWEEN g.first_missing AND g.last_missing
        AND t.event_at BETWEEN coalesce(g.event_from, g.event_to - INTERVAL '2 days') AND g.event_to
  ) = g.last_missing - g.first_missing + 1
