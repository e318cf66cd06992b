-- Holes that are still open: shards that are deaf now, and ids that may yet be fetched.
-- (An instrument that never spoke is told in data_gaps too, but may be silent for good reasons: it is not counted here.)
SELECT count(*) FILTER (WHERE state = 'open' AND cause <> 'silent') AS deaf,
       count(*) FILTER (WHERE state = 'missing' AND cause = 'sequence' AND first_missing IS NOT NULL
                        AND found_at > now() - INTERVAL '48 hours') AS fillable
FROM data_gaps
