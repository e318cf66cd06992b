-- Pairs with both markets as they are now; what waits for a person first, then the best. `over` keeps those in which nothing can happen any more.
SELECT m.*,
       a.venue AS venue_a, a.market_id AS market_id_a, a.title AS title_a, a.status AS status_a, a.outcomes AS outcomes_a, a.rules AS rules_a,
       a.rules_sha256 AS rules_now_a, a.closes_at AS closes_at_a, a.resolution_source AS resolution_source_a,
       b.venue AS venue_b, b.market_id AS market_id_b, b.title AS title_b, b.status AS status_b, b.outcomes AS outcomes_b, b.rules AS rules_b,
       b.rules_sha256 AS rules_now_b, b.closes_at AS closes_at_b, b.resolution_source AS resolution_source_b
FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b
WHERE (CAST(:pair_id AS integer) IS NULL OR m.pair_id = :pair_id) AND (CAST(:state AS text) IS NULL OR m.state = :state)
  AND (:over OR NOT (a.status = 'resolved' AND b.status = 'resolved'))
ORDER BY array_position(ARRAY['suspended', 'proposed', 'confirmed', 'rejected'], m.state), m.score DESC NULLS LAST, m.pair_id
LIMIT :limit
