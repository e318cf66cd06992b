-- What each pair has won, from fills and settlements alone: `cash` is what came in less what went out, `at_cost` what of it lies in positions
-- that are still open, `realised` the rest; `told`: what the engine says.
WITH flows AS (
    SELECT pair_id, CASE action WHEN 'sell' THEN price * quantity ELSE - price * quantity END - fee AS cash, fee, 0 AS settled,
           filled_at AS at
    FROM fills
    UNION ALL
    SELECT pair_id, quantity * payout, 0, quantity * payout, settled_at FROM paper_settlements
), pairs AS (
    SELECT pair_id, sum(cash) AS cash, sum(fee) AS fees, sum(settled) AS settled, min(at) AS first_at, max(at) AS last_at
    FROM flows GROUP BY pair_id
), held AS (
    SELECT pair_id, sum(cost) AS cost FROM open_positions GROUP BY pair_id
)
SELECT p.pair_id, p.cash, p.fees, p.settled, coalesce(h.cost, 0) AS at_cost, p.cash + coalesce(h.cost, 0) AS realised,
       r.realised AS told, p.first_at, p.last_at
FROM pairs p LEFT JOIN held h USING (pair_id) LEFT JOIN risk_states r ON r.scope = 'pair ' || p.pair_id
ORDER BY p.pair_id
