-- What was found missing since a moment, and how much of it is there by now.
SELECT count(*) AS opened, count(*) FILTER (WHERE state = 'filled') AS filled
FROM data_gaps
WHERE found_at > to_timestamp(:since) AND cause NOT IN ('silent', 'planned pause') AND state <> 'planned'
