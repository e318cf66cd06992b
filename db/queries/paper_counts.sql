-- What the paper engine has to do, holds, and was asked.
SELECT (SELECT count(*) FROM contract_matches WHERE state = 'confirmed') AS pairs,
       (SELECT count(*) FROM open_positions) AS positions,
       (SELECT count(*) FROM orders WHERE state = 'under way') AS orders_under_way,
       (SELECT count(*) FROM opportunities WHERE first_seen_at > now() - INTERVAL '1 day') AS opportunities_day,
       (SELECT count(*) FROM opportunities WHERE taken AND first_seen_at > now() - INTERVAL '1 day') AS taken_day,
       (SELECT count(*) FROM paper_asks WHERE taken_at IS NULL) AS asks_waiting
