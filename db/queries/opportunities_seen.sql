-- The engine counts them.
SELECT coalesce(max(opportunity_id), 0) AS seen FROM opportunities
