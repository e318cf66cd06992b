-- Holes that are still open: shards that are deaf now, and what is over and neither filled nor known to be beyond filling.
-- (An instrument that never spoke is told in data_gaps too, but may be silent for good reasons: it is not counted here.)
SELECT count(*) FILTER (WHERE state = 'open' AND cause <> 'silent') AS deaf,
       count(*) FILTER (WHERE state IN ('missing', 'filling')) AS unsettled
FROM data_gaps
