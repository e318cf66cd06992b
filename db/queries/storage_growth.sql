-- How fast each table and each disk grew in the last week: the slope of a line through what was measured each hour.
SELECT subject, regr_slope(bytes, extract(epoch FROM measured_at)) * 86400 AS bytes_per_day, max(measured_at) - min(measured_at) AS seen,
       max(measured_at) AS measured_at, (array_agg(bytes ORDER BY hour DESC))[1] AS bytes, (array_agg(free_bytes ORDER BY hour DESC))[1] AS free_bytes
FROM storage_sizes WHERE hour > now() - INTERVAL '7 days' GROUP BY subject ORDER BY subject
