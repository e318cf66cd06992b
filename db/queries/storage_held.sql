-- What should have been dropped and stands there still, and what its guards said last. A guard that allows it is not named.
SELECT e.table_name, e.since, e.until, e.chunks, g.guard, g.safe_until, g.checked_at
FROM (SELECT table_name, min(since) AS since, min(until) AS until, count(*) AS chunks FROM storage_expired() GROUP BY table_name) e
LEFT JOIN storage_guards g ON g.table_name = e.table_name AND (g.safe_until IS NULL OR g.safe_until < e.until)
ORDER BY e.table_name, g.guard
