-- A gap that lies within a pause which the venue itself has told is no loss.
UPDATE data_gaps g
SET cause = 'planned pause', state = 'planned', detail = concat_ws('; ', g.detail, p.reason),
    evidence = evidence || jsonb_build_array(jsonb_build_object('at', now(), 'state', 'planned', 'reason', p.reason))
FROM planned_pauses p
WHERE g.venue = p.venue
  AND g.state IN ('missing', 'unfillable')
  AND g.cause IN ('disconnected', 'frozen', 'silent', 'sequence', 'book')
  AND g.found_at > now() - INTERVAL '3 days'
  AND coalesce(g.received_from, g.event_from) >= p.since_at - CAST(:slack AS interval)
  AND coalesce(g.received_to, g.event_to) <= coalesce(p.until_at, now()) + CAST(:slack AS interval)
