-- Jobs that read the past again: one by its number, or the last ones, those that are alive first.
SELECT backfill_id AS id, venue, channel, cardinality(instruments) AS instruments, from_at, to_at, first_number, last_number, gap_id, state,
       progress, rows, requests, lacking, reason, position->>'waits' AS waits, asked_at, heartbeat_at, ended_at,
       state IN ('queued', 'running') AS alive, extract(epoch FROM now() - greatest(due_at, heartbeat_at))::float8 AS overdue_seconds
FROM backfills
WHERE CAST(:id AS bigint) IS NULL OR backfill_id = :id
ORDER BY state IN ('queued', 'running') DESC, backfill_id DESC
LIMIT :limit
