-- Opportunities by the best edge of a share, in whole cents.
SELECT floor(best_edge_share * 100)::int AS cents, count(*) AS opportunities, count(*) FILTER (WHERE taken) AS taken, sum(best_edge) AS edge,
       sum(capacity) AS capacity
FROM opportunities
WHERE first_seen_at >= %(since)s AND first_seen_at < %(until)s
GROUP BY 1
ORDER BY 1
