-- What was paid for it, by kind and venue.
SELECT kind, venue, number, dollars
FROM (
    SELECT 'fees' AS kind, venue, count(*) AS number, sum(fee) AS dollars
    FROM fills WHERE filled_at >= %(since)s AND filled_at < %(until)s GROUP BY venue
    UNION ALL
    SELECT 'unwinding of what the other leg missed', venue, count(*), -sum(realised)
    FROM fills WHERE action = 'sell' AND filled_at >= %(since)s AND filled_at < %(until)s GROUP BY venue
    UNION ALL
    SELECT 'settlements below cost', venue, count(*), -sum(realised)
    FROM paper_settlements s WHERE settled_at >= %(since)s AND settled_at < %(until)s
      AND (SELECT sum(realised) FROM paper_settlements o WHERE o.pair_id = s.pair_id) < 0
    GROUP BY venue
    UNION ALL
    SELECT 'orders missed, in part or whole', venue, count(*), NULL
    FROM orders WHERE state IN ('missed', 'partly filled') AND sent_at >= %(since)s AND sent_at < %(until)s GROUP BY venue
) costs
ORDER BY kind, venue
