-- How much waits to be judged anew.
SELECT count(*) AS waiting FROM stale_coverage
