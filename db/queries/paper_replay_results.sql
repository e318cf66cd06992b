-- What sources said of the results, when we heard it.
SELECT greatest(received_at, %(since)s), instrument_id, source, status, payout
FROM resolutions
WHERE instrument_id = ANY(%(instruments)s) AND received_at < %(until)s
ORDER BY 1, event_at, instrument_id, source, status
