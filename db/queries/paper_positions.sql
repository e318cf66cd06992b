-- What the paper engine holds, the largest first.
SELECT p.position, p.pair_id, p.leg, p.venue, p.instrument_id, i.symbol, p.outcome, p.quantity, p.cost, p.unmatched, p.opened_at, p.updated_at, m.title
FROM open_positions p LEFT JOIN instruments i USING (instrument_id)
LEFT JOIN contract_matches c ON c.pair_id = p.pair_id
LEFT JOIN markets m ON m.market_key = CASE p.leg WHEN 'a' THEN c.market_key_a ELSE c.market_key_b END
ORDER BY p.cost DESC, p.position
LIMIT :limit
