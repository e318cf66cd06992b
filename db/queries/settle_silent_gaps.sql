-- An instrument from which nothing came has spoken: its first row ends the gap. {table} holds what the channel brings.
UPDATE data_gaps g
SET state = 'filled', event_to = f.event_at, received_to = f.received_at,
    evidence = evidence || jsonb_build_array(jsonb_build_object('at', now(), 'state', 'filled', 'reason', 'its first row has come'))
FROM (
    SELECT o.gap_id, r.event_at, r.received_at
    FROM data_gaps o
    CROSS JOIN LATERAL (
        SELECT event_at, received_at FROM {table}
        -- What an earlier connection heard ends nothing; a whole state may stand since some time before it is told.
        WHERE instrument_id = o.instrument_id AND event_at > o.received_from - INTERVAL '10 minutes' AND received_at > o.received_from
        ORDER BY event_at LIMIT 1
    ) r
    WHERE o.cause IN ('silent', 'not subscribed') AND o.state = 'open' AND o.venue = :venue AND o.channel = :channel
) f
WHERE g.gap_id = f.gap_id
