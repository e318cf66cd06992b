-- What is asked for now, by channel: how far it is judged, how many of the symbols are no instruments, and whose journal is not written on.
WITH streams AS (
    SELECT s.venue, s.channel, s.stream, j.judged_until, max(j.judged_until) OVER (PARTITION BY s.venue, s.channel) AS newest_until,
           array_agg(s.symbol) FILTER (WHERE s.instrument_id IS NULL) AS strangers
    FROM subscriptions s LEFT JOIN judged_streams j USING (stream)
    WHERE s.to_at IS NULL
      AND (CAST(:venue AS text) IS NULL OR s.venue = :venue) AND (CAST(:channel AS text) IS NULL OR s.channel = :channel)
      AND (CAST(:symbols AS text) IS NULL OR s.symbol ~ CAST(:symbols AS text))
    GROUP BY s.venue, s.channel, s.stream, j.judged_until
)
SELECT venue, channel, max(judged_until) AS judged_until,
       array_agg(stream ORDER BY stream) FILTER (WHERE judged_until < newest_until - INTERVAL '10 minutes') AS behind,
       coalesce(sum(cardinality(strangers)), 0) AS strangers
FROM streams GROUP BY venue, channel ORDER BY venue, channel
