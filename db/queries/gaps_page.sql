-- Gaps, the youngest number first, from below :before on; and of each the last job that reads its past again.
WITH page AS (
    SELECT g.*, i.symbol, coalesce(g.event_from, g.received_from) AS from_at, coalesce(g.event_to, g.received_to) AS to_at
    FROM data_gaps g LEFT JOIN instruments i USING (instrument_id)
    WHERE (CAST(:gap_id AS bigint) IS NULL OR g.gap_id = :gap_id) AND (CAST(:before AS bigint) IS NULL OR g.gap_id < :before)
      AND (CAST(:venue AS text) IS NULL OR g.venue = :venue) AND (CAST(:channel AS text) IS NULL OR g.channel = :channel)
      AND (CAST(:cause AS text) IS NULL OR g.cause = :cause) AND (CAST(:states AS text[]) IS NULL OR g.state = ANY (CAST(:states AS text[])))
      AND (CAST(:until AS timestamptz) IS NULL OR coalesce(g.event_from, g.received_from, g.found_at) < CAST(:until AS timestamptz))
      AND (CAST(:since AS timestamptz) IS NULL OR g.state = 'open' OR coalesce(g.event_to, g.received_to, g.found_at) >= CAST(:since AS timestamptz))
    ORDER BY g.gap_id DESC
    LIMIT :limit
), jobs AS (
    SELECT DISTINCT ON (gap_id) gap_id, backfill_id, state, progress, rows, reason
    FROM backfills
    WHERE gap_id IN (SELECT gap_id FROM page)
    ORDER BY gap_id, backfill_id DESC
)
SELECT p.gap_id, p.venue, p.channel, p.shard, p.symbol, p.cause, p.state, p.first_missing, p.last_missing, p.from_at, p.to_at, p.frames,
       p.found_at, p.detail, p.evidence -> -1 ->> 'reason' AS last_word,
       j.backfill_id, j.state AS backfill_state, j.progress AS backfill_progress, j.rows AS backfill_rows, j.reason AS backfill_reason
FROM page p LEFT JOIN jobs j USING (gap_id)
ORDER BY p.gap_id DESC
