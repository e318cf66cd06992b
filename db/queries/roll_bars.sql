-- Bars of {width} of the windows in stale_windows, from the narrower ones, in the place of what was there.
INSERT INTO rollups.{bars} AS b (
    bucket, instrument_id, open, high, low, close, mids, spread_sum, spread_max, imbalance_sum, imbalances, updates,
    trades, volume, buy_volume, notional)
SELECT wide.bucket, w.instrument_id, open, high, low, close, mids, spread_sum, spread_max, imbalance_sum, imbalances, updates,
       trades, volume, buy_volume, notional
FROM stale_windows w CROSS JOIN LATERAL (
    SELECT time_bucket(INTERVAL '{width}', bucket) AS bucket,
           (array_agg(open ORDER BY bucket) FILTER (WHERE mids > 0))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY bucket) FILTER (WHERE mids > 0))[count(*) FILTER (WHERE mids > 0)] AS close,
           sum(mids)::bigint AS mids, sum(spread_sum) AS spread_sum, max(spread_max) AS spread_max,
           sum(imbalance_sum) AS imbalance_sum, sum(imbalances)::bigint AS imbalances, sum(updates)::bigint AS updates,
           sum(trades)::bigint AS trades, sum(volume) AS volume, sum(buy_volume) AS buy_volume, sum(notional) AS notional
    FROM rollups.{source} WHERE instrument_id = w.instrument_id AND bucket >= w.since AND bucket < w.until
                            AND bucket >= %(since)s AND bucket < %(until)s
    GROUP BY 1
) wide
ON CONFLICT (instrument_id, bucket) DO UPDATE SET (
    open, high, low, close, mids, spread_sum, spread_max, imbalance_sum, imbalances, updates, trades, volume, buy_volume, notional) = (
    excluded.open, excluded.high, excluded.low, excluded.close, excluded.mids, excluded.spread_sum, excluded.spread_max,
    excluded.imbalance_sum, excluded.imbalances, excluded.updates, excluded.trades, excluded.volume, excluded.buy_volume, excluded.notional)
WHERE (b.*) IS DISTINCT FROM (excluded.*)
