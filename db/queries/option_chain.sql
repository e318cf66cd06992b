-- A chain as it was told last: each option of an expiry with its newest ticker within the hour, else the newest summary of the whole chain.
SELECT i.instrument_id, i.symbol, (i.attributes->>'strike')::float8 AS strike, lower(i.attributes->>'option_type') AS option_type,
       coalesce(t.event_at, s.event_at) AS event_at, coalesce(t.bid_price, s.bid_price) AS bid_price, coalesce(t.ask_price, s.ask_price) AS ask_price,
       coalesce(t.mark_price, s.mark_price) AS mark_price, t.bid_iv, coalesce(t.mark_iv, s.mark_iv) AS mark_iv, t.ask_iv, t.delta,
       coalesce(t.open_interest, s.open_interest) AS open_interest, coalesce(t.underlying_price, s.underlying_price) AS underlying_price
FROM instruments i
LEFT JOIN LATERAL (
    SELECT * FROM tickers k WHERE k.instrument_id = i.instrument_id AND k.event_at > now() - INTERVAL '1 hour'
      AND k.event_at < now() + INTERVAL '1 hour' ORDER BY k.event_at DESC LIMIT 1
) t ON true
LEFT JOIN LATERAL (
    SELECT * FROM book_summaries k WHERE t.event_at IS NULL AND k.instrument_id = i.instrument_id AND k.event_at > now() - INTERVAL '2 hours'
      AND k.event_at < now() + INTERVAL '1 hour' ORDER BY k.event_at DESC LIMIT 1
) s ON true
WHERE i.venue = :venue AND i.base_asset = :base AND i.expires_at = :expires_at AND (CAST(:price_unit AS text) IS NULL OR i.price_unit = :price_unit)
  AND lower(i.contract_type) = 'option'
ORDER BY strike, option_type
LIMIT :limit
