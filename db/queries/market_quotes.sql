-- The newest best prices of an instrument; a side that is empty has none.
SELECT event_at, received_at, update_id, nullif(bid_price, 0) AS bid_price, bid_quantity, nullif(ask_price, 0) AS ask_price, ask_quantity
FROM quotes
WHERE instrument_id = :instrument AND event_at > now() - INTERVAL '1 day' AND event_at < now() + INTERVAL '1 hour'
ORDER BY event_at DESC, update_id DESC
LIMIT :limit
