-- How far each stream is written, and what it has seen in all.
SELECT stream, venue, channel, shard, last_id, entries, frames, rows, repeated, ignored, quarantined, lost,
       last_event_at, last_received_at, updated_at
FROM stream_offsets
ORDER BY stream
