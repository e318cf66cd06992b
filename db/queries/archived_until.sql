SELECT count(*) FILTER (WHERE lacks), CASE WHEN count(*) > 0 THEN coalesce(min(archived_to) FILTER (WHERE NOT whole), now()) END
FROM (
    SELECT a.stream IS NULL AS lacks, a.archived_to,
           ARRAY[split_part(a.last_id, '-', 1)::bigint, split_part(a.last_id, '-', 2)::bigint]
               >= ARRAY[split_part(o.last_id, '-', 1)::bigint, split_part(o.last_id, '-', 2)::bigint] AS whole
    FROM stream_offsets o LEFT JOIN archived_streams a USING (stream)
    WHERE CAST(%(venue)s AS text) IS NULL OR o.venue = %(venue)s
) streams
