-- Rows a second of each venue, as the farm noted them each minute.
SELECT checked_at, venue, (figures->>'rows_per_s')::float8 AS rows_per_s
FROM platform_health_logs
WHERE checked_at > now() - make_interval(mins => :minutes) AND venue <> ''
ORDER BY checked_at, venue
