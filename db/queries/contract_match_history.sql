-- What was decided of a pair, in order.
SELECT * FROM contract_match_history WHERE pair_id = :pair_id ORDER BY history_id LIMIT 1000
