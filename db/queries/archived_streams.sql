-- What was never archived waits since it was heard first.
SELECT stream, coalesce(a.missed, 0) AS missed, extract(epoch FROM coalesce(a.archived_to, o.heard_from, o.updated_at))::float8 AS archived_to
FROM stream_offsets o LEFT JOIN archived_streams a USING (stream)
ORDER BY stream
