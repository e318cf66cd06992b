-- The newest trades of an instrument. The key is the index: read backwards, chunk by chunk, until there are enough.
SELECT event_at, received_at, trade_id, price, quantity, side, flags
FROM trades
WHERE instrument_id = :instrument AND event_at > now() - INTERVAL '1 day' AND event_at < now() + INTERVAL '1 hour'
ORDER BY event_at DESC, trade_id DESC
LIMIT :limit
