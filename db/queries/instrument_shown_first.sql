-- An instrument to begin with: recorded now, with trades, and best one that never expires.
SELECT i.instrument_id
FROM subscriptions s JOIN instruments i USING (instrument_id)
WHERE s.to_at IS NULL
ORDER BY i.contract_type ILIKE '%perpetual' DESC NULLS LAST, s.channel LIKE '%trade%' DESC, i.symbol LIKE 'BTC%' OR i.symbol LIKE 'ETH%' DESC, i.instrument_id
LIMIT 1
