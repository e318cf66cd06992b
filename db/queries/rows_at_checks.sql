-- What had been written at the last check before each of these times ago, and where none is so old, at the first one.
SELECT ago.seconds, found.checked_at, found.figures -> 'rows' AS rows
FROM unnest(CAST(:seconds AS float8[])) AS ago (seconds)
CROSS JOIN LATERAL (
    (SELECT checked_at, figures FROM platform_health_logs
     WHERE venue = '' AND figures -> 'rows' IS NOT NULL AND checked_at <= now() - ago.seconds * INTERVAL '1 second'
     ORDER BY checked_at DESC LIMIT 1)
    UNION ALL
    (SELECT checked_at, figures FROM platform_health_logs
     WHERE venue = '' AND figures -> 'rows' IS NOT NULL AND checked_at > now() - ago.seconds * INTERVAL '1 second'
     ORDER BY checked_at LIMIT 1)
    LIMIT 1
) AS found
