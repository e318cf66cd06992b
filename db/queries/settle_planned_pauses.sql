-- Silence within a pause which the venue itself has told is no loss. Numbers that are missing and books in doubt are, at any time.
-- A channel that says little is silent long before and after: there it counts when one socket closed and when the next one opened.
UPDATE data_gaps g
SET cause = 'planned pause', state = 'planned', detail = concat_ws('; ', g.detail, p.reason),
    evidence = evidence || jsonb_build_array(jsonb_build_object('at', now(), 'state', 'planned', 'reason', p.reason))
FROM planned_pauses p
WHERE g.venue = p.venue
  AND g.state IN ('missing', 'filling', 'partly filled', 'unfillable')
  AND g.cause IN ('disconnected', 'frozen', 'silent')
  AND g.found_at > now() - INTERVAL '3 days'
  AND greatest(
        coalesce(g.received_from, g.event_from),
        (SELECT max(s.ended_at) FROM sessions s
         WHERE g.cause = 'disconnected' AND (s.venue, s.channel, s.shard) = (g.venue, g.channel, g.shard)
           AND s.proven_at <= g.received_from AND s.ended_at <= g.received_to)
      ) >= p.since_at - CAST(:slack AS interval)
  AND least(
        coalesce(g.received_to, g.event_to),
        (SELECT min(s.connected_at) FROM sessions s
         WHERE (s.venue, s.channel, s.shard) = (g.venue, g.channel, g.shard) AND s.proven_at = g.received_to)
      ) <= coalesce(p.until_at, now()) + CAST(:slack AS interval)
