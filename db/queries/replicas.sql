-- Up to when each replica of a place is known, and since when.
SELECT venue, channel, shard, split_part(stream, ':', 4) AS replica, heard_from, heard_to, last_event_at,
       heard_to > now() - INTERVAL '1 minute' AS fresh
FROM stream_offsets
ORDER BY stream
