-- Pairs that look like arbitrage and are not, or not for certain: results that break the lock, fees that nobody said, opportunities declined.
SELECT pair_id, count(*) AS opportunities, count(*) FILTER (WHERE taken) AS taken, sum(best_edge) AS edge,
       count(*) FILTER (WHERE NOT fees_known) AS fees_unknown,
       (SELECT coalesce(string_agg(DISTINCT state, ', ' ORDER BY state), '') FROM opportunities p, unnest(p.breaks) state
        WHERE p.pair_id = o.pair_id AND p.first_seen_at >= %(since)s AND p.first_seen_at < %(until)s) AS breaks,
       (SELECT coalesce(string_agg(DISTINCT reason, ', ' ORDER BY reason), '') FROM opportunities p, unnest(p.reasons) reason
        WHERE p.pair_id = o.pair_id AND p.first_seen_at >= %(since)s AND p.first_seen_at < %(until)s) AS reasons
FROM opportunities o
WHERE first_seen_at >= %(since)s AND first_seen_at < %(until)s
GROUP BY pair_id
HAVING bool_or(NOT fees_known) OR bool_or(cardinality(breaks) > 0) OR NOT bool_or(taken)
ORDER BY sum(best_edge) DESC, pair_id
LIMIT 100
