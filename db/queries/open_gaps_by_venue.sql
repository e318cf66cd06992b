-- As open_gaps.sql counts them, by venue.
SELECT venue, count(*) AS gaps
FROM data_gaps
WHERE (state = 'open' AND cause <> 'silent') OR state IN ('missing', 'filling')
GROUP BY venue
ORDER BY venue
