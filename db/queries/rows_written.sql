-- What each stream has brought in all, and since when it is heard; of which the minutely checks keep the sum of each channel.
SELECT venue, channel, sum(rows)::bigint AS rows, min(heard_from) AS heard_from
FROM stream_offsets
GROUP BY venue, channel
ORDER BY venue, channel
