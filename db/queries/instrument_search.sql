-- Instruments whose symbol or question holds the words, or that are of that underlying: what is recorded now first, then what begins so.
WITH found AS (
    SELECT instrument_id, NULL AS title FROM instruments
    WHERE (CAST(:venue AS text) IS NULL OR venue = :venue) AND (strpos(lower(symbol), :words) > 0 OR lower(base_asset) = :words)
    UNION ALL
    SELECT i.instrument_id, m.title || ' · ' || (o->>1)
    FROM (SELECT * FROM markets WHERE strpos(lower(title), :words) > 0 AND (CAST(:venue AS text) IS NULL OR venue = :venue) LIMIT 500) m
    CROSS JOIN LATERAL jsonb_array_elements(m.outcomes) o JOIN instruments i ON i.venue = m.venue AND i.symbol = o->>0
), once AS (SELECT instrument_id, max(title) AS title FROM found GROUP BY instrument_id),
recorded AS (SELECT DISTINCT instrument_id FROM subscriptions WHERE to_at IS NULL AND instrument_id IS NOT NULL)
SELECT i.instrument_id, i.venue, i.symbol, i.status, i.contract_type, i.expires_at, f.title, r.instrument_id IS NOT NULL AS recorded
FROM once f JOIN instruments i USING (instrument_id) LEFT JOIN recorded r USING (instrument_id)
ORDER BY r.instrument_id IS NULL, NOT starts_with(lower(i.symbol), :words), length(i.symbol), i.venue, i.symbol
LIMIT :limit
