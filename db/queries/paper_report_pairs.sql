-- What each pair won, and on which capital.
WITH won AS (
    SELECT pair_id, realised, 0::numeric AS capital_days, fee FROM fills WHERE filled_at >= %(since)s AND filled_at < %(until)s
    UNION ALL
    SELECT pair_id, realised, capital_days, 0 FROM paper_settlements WHERE settled_at >= %(since)s AND settled_at < %(until)s
)
SELECT pair_id, sum(realised) AS realised, sum(capital_days) AS capital_days, sum(fee) AS fees,
       (SELECT coalesce(sum(cost), 0) FROM open_positions p WHERE p.pair_id = won.pair_id) AS bound
FROM won
GROUP BY pair_id
ORDER BY sum(realised) DESC, pair_id
LIMIT 500
