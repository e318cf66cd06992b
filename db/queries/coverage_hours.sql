-- Each hour of each channel over the instruments that were asked for: how many there are, how many lack something, and the seconds of each
-- state. :symbols is a regular expression; absent: all.
SELECT c.venue, c.channel, c.hour, count(*) AS instruments, count(*) FILTER (WHERE c.state = 'broken') AS broken_instruments,
       sum(c.verified) AS verified, sum(c.witnessed) AS witnessed, sum(c.unverifiable) AS unverifiable, sum(c.broken) AS broken,
       sum(c.paused) AS paused, max(c.newest_at) AS newest_at
FROM coverage c
WHERE c.hour >= :since AND c.hour < :until
  AND (CAST(:venue AS text) IS NULL OR c.venue = :venue) AND (CAST(:channel AS text) IS NULL OR c.channel = :channel)
  AND (CAST(:symbols AS text) IS NULL
       OR c.instrument_id IN (SELECT instrument_id FROM instruments WHERE venue = :venue AND symbol ~ CAST(:symbols AS text)))
GROUP BY c.venue, c.channel, c.hour
ORDER BY c.venue, c.channel, c.hour
