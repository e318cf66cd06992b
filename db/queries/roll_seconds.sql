-- Bars of a second of the minutes in stale_windows, from raw rows, in the place of what was there. A subquery a window: the tables have one
-- index, which begins with the instrument.
INSERT INTO rollups.bars_1s AS b (
    bucket, instrument_id, open, high, low, close, mids, spread_sum, spread_max, imbalance_sum, imbalances, updates,
    trades, volume, buy_volume, notional)
SELECT bucket, instrument_id, q.open, q.high, q.low, q.close, coalesce(q.mids, 0), q.spread_sum, q.spread_max, q.imbalance_sum,
       coalesce(q.imbalances, 0), coalesce(q.updates, 0), coalesce(t.trades, 0), coalesce(t.volume, 0), coalesce(t.buy_volume, 0),
       coalesce(t.notional, 0)
FROM (
    SELECT w.instrument_id, quoted.* FROM stale_windows w CROSS JOIN LATERAL (
        -- Rows of one time are ordered by their number, as the first and the last of a second decide. A price of 0 is an empty side.
        SELECT time_bucket(INTERVAL '1 second', event_at) AS bucket,
               (array_agg(mid ORDER BY event_at, update_id) FILTER (WHERE mid IS NOT NULL))[1] AS open, max(mid) AS high, min(mid) AS low,
               (array_agg(mid ORDER BY event_at, update_id) FILTER (WHERE mid IS NOT NULL))[count(mid)] AS close, count(mid) AS mids,
               sum(spread) AS spread_sum, max(spread) AS spread_max, sum(imbalance) AS imbalance_sum, count(imbalance) AS imbalances,
               count(*) AS updates
        FROM (
            SELECT event_at, update_id,
                   CASE WHEN bid_price <> 0 AND ask_price <> 0 THEN (bid_price + ask_price) / 2 END AS mid,
                   CASE WHEN bid_price <> 0 AND ask_price <> 0 THEN ask_price - bid_price END AS spread,
                   (bid_quantity - ask_quantity) / nullif(bid_quantity + ask_quantity, 0) AS imbalance
            FROM quotes WHERE instrument_id = w.instrument_id AND event_at >= w.since AND event_at < w.until
                          AND event_at >= %(since)s AND event_at < %(until)s
        ) tops GROUP BY 1
    ) quoted
) q FULL JOIN (
    SELECT w.instrument_id, traded.* FROM stale_windows w CROSS JOIN LATERAL (
        SELECT time_bucket(INTERVAL '1 second', event_at) AS bucket, count(*) AS trades, sum(quantity) AS volume,
               coalesce(sum(quantity) FILTER (WHERE side = 1), 0) AS buy_volume, sum(price * quantity) AS notional
        FROM trades WHERE instrument_id = w.instrument_id AND event_at >= w.since AND event_at < w.until
                      AND event_at >= %(since)s AND event_at < %(until)s
        GROUP BY 1
    ) traded
) t USING (bucket, instrument_id)
ON CONFLICT (instrument_id, bucket) DO UPDATE SET (
    open, high, low, close, mids, spread_sum, spread_max, imbalance_sum, imbalances, updates, trades, volume, buy_volume, notional) = (
    excluded.open, excluded.high, excluded.low, excluded.close, excluded.mids, excluded.spread_sum, excluded.spread_max,
    excluded.imbalance_sum, excluded.imbalances, excluded.updates, excluded.trades, excluded.volume, excluded.buy_volume, excluded.notional)
WHERE (b.*) IS DISTINCT FROM (excluded.*)
