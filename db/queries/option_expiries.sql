-- Chains that are listed now, and how many instruments of each are recorded: those with the most first.
SELECT i.venue, i.base_asset, i.expires_at, i.price_unit, count(*) AS listed, count(s.instrument_id) AS recorded
FROM instruments i
LEFT JOIN (SELECT DISTINCT instrument_id FROM subscriptions WHERE to_at IS NULL) s USING (instrument_id)
WHERE lower(i.contract_type) = 'option' AND i.expires_at > now()
GROUP BY i.venue, i.base_asset, i.expires_at, i.price_unit
ORDER BY recorded DESC, listed DESC, i.venue, i.base_asset, i.expires_at
LIMIT :limit
