-- Holes that are still open: shards that are deaf now, and ids that may yet be fetched.
SELECT count(*) FILTER (WHERE state = 'open') AS deaf,
       count(*) FILTER (WHERE state = 'missing' AND cause = 'sequence' AND first_missing IS NOT NULL AND found_at > now() - INTERVAL '48 hours') AS fillable
FROM data_gaps
