-- Notes that are due out of stale_bars, the newest first, into stale_windows as times of instruments that do not overlap.
WITH closed AS (
    -- What a broken clock says of the future is not waited for.
    SELECT coalesce(instrument_id, 0) AS id, from_at, to_at, max(stale_id) AS newest,
           CASE WHEN instrument_id IS NULL THEN %(weight)s ELSE 1 END AS weight
    FROM stale_bars, rolled_bars
    WHERE bars = %(bars)s AND stale_id <= coalesce(%(newest)s, stale_id)
      AND (to_at <= closed_until OR from_at > now() + INTERVAL '1 hour')
    GROUP BY instrument_id, from_at, to_at
), due AS (
    SELECT id, from_at, to_at FROM (SELECT *, sum(weight) OVER (ORDER BY newest DESC) - weight AS before FROM closed) c
    WHERE before < %(most)s
), taken AS (
    DELETE FROM stale_bars s USING due d
    WHERE s.bars = %(bars)s AND s.stale_id <= coalesce(%(newest)s, s.stale_id)
      AND coalesce(s.instrument_id, 0) = d.id AND s.from_at = d.from_at AND s.to_at = d.to_at
    RETURNING s.instrument_id, s.from_at, s.to_at
), kept AS (
    -- Of rows that were dropped only a part might come again: their bars stay as they are. Hours are made of minutes.
    SELECT DISTINCT taken.* FROM taken, rolled_bars WHERE from_at >= coalesce(raw_from, '-infinity') OR %(bars)s = 'bars_1h'
), windows AS (
    SELECT coalesce(k.instrument_id, i.instrument_id) AS instrument_id, unnest(range_agg(tstzrange(from_at, to_at))) AS w
    FROM kept k LEFT JOIN instruments i ON k.instrument_id IS NULL GROUP BY 1
), filled AS (
    INSERT INTO stale_windows SELECT instrument_id, lower(w), upper(w) FROM windows WHERE instrument_id IS NOT NULL
)
SELECT count(*) FROM taken
