-- How long opportunities lived, by order of magnitude, and why they ended.
WITH lives AS (
    SELECT extract(epoch FROM coalesce(ended_at, last_seen_at) - first_seen_at)::numeric AS seconds, coalesce(end_reason, 'alive') AS ended, taken,
           best_edge
    FROM opportunities WHERE first_seen_at >= %(since)s AND first_seen_at < %(until)s
)
SELECT CASE WHEN seconds < 0.1 THEN 'below 0.1 s' WHEN seconds < 1 THEN '0.1 to 1 s' WHEN seconds < 10 THEN '1 to 10 s'
            WHEN seconds < 60 THEN '10 to 60 s' WHEN seconds < 3600 THEN '1 to 60 min' ELSE 'an hour or more' END AS lived,
       count(*) AS opportunities, count(*) FILTER (WHERE taken) AS taken, sum(best_edge) AS edge,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)::numeric, 3) AS median_seconds,
       string_agg(DISTINCT ended, ', ' ORDER BY ended) AS ended
FROM lives
GROUP BY 1
ORDER BY min(seconds)
