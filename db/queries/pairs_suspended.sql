-- Pairs that the farm has suspended, of which nobody has decided since and which are not over; the newest thousand.
SELECT m.pair_id, m.reason, a.title AS title_a
FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b
WHERE m.state = 'suspended' AND m.decided_by = 'farm' AND NOT (a.status = 'resolved' AND b.status = 'resolved')
ORDER BY m.decided_at DESC LIMIT 1000
