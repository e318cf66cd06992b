-- What each day of UTC won, and on which capital.
SELECT day, sum(realised) AS realised, sum(capital_days) AS capital_days, sum(fee) AS fees
FROM (
    SELECT (filled_at AT TIME ZONE 'UTC')::date AS day, realised, 0::numeric AS capital_days, fee
    FROM fills WHERE filled_at >= %(since)s AND filled_at < %(until)s
    UNION ALL
    SELECT (settled_at AT TIME ZONE 'UTC')::date, realised, capital_days, 0
    FROM paper_settlements WHERE settled_at >= %(since)s AND settled_at < %(until)s
) won
GROUP BY day
ORDER BY day
