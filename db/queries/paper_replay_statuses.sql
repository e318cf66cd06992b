-- How each market stood at the beginning, and each change of it since.
SELECT greatest(valid_from, %(since)s), market_key, status
FROM market_history
WHERE market_key = ANY(%(markets)s) AND valid_from < %(until)s AND coalesce(valid_to, 'infinity') > %(since)s
ORDER BY 1, valid_from, 2
