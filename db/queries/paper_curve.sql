-- Dollars that sales and settlements realised, and fees, by hour of the last 30 days.
SELECT date_trunc('hour', at) AS hour, sum(realised) AS realised, sum(fee) AS fee
FROM (
    SELECT filled_at AS at, realised, fee FROM fills WHERE filled_at > now() - INTERVAL '30 days'
    UNION ALL
    SELECT settled_at, realised, 0 FROM paper_settlements WHERE settled_at > now() - INTERVAL '30 days'
) won
GROUP BY hour
ORDER BY hour
