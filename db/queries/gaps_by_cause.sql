-- Gaps by venue and cause: `open` as the judgement of health counts them, `day` what began within the last 24 hours.
SELECT venue, cause,
       count(*) FILTER (WHERE state IN ('missing', 'filling') OR state = 'open' AND cause <> 'silent') AS open,
       count(*) FILTER (WHERE coalesce(received_from, event_from, found_at) > now() - INTERVAL '1 day') AS day
FROM data_gaps
WHERE state IN ('open', 'missing', 'filling') OR found_at > now() - INTERVAL '1 day'
GROUP BY venue, cause
ORDER BY venue, cause
LIMIT 1000
