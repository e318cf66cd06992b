-- How the paper engine stands: all, venues, and pairs that hold something or are halted.
SELECT scope, cash, bound, reserved, realised, fees, capital_days, CASE WHEN day = (now() AT TIME ZONE 'UTC')::date THEN won ELSE 0 END AS won_today,
       halted, halted_at
FROM risk_states
WHERE scope NOT LIKE 'pair %' OR bound <> 0 OR reserved <> 0 OR cardinality(halted) > 0
ORDER BY scope <> 'all', scope LIKE 'pair %', scope
LIMIT 500
