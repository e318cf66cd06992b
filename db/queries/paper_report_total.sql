-- What came of it all: dollars won, of which by settlement; dollars times days that were bound for it; what is bound still; opportunities.
WITH sold AS (
    SELECT coalesce(sum(realised), 0) AS won FROM fills WHERE filled_at >= %(since)s AND filled_at < %(until)s
),
settled AS (
    SELECT coalesce(sum(realised), 0) AS won, coalesce(sum(capital_days), 0) AS capital_days, count(*) AS positions
    FROM paper_settlements WHERE settled_at >= %(since)s AND settled_at < %(until)s
),
held AS (
    SELECT coalesce(sum(cost), 0) AS cost, coalesce(sum(unmatched), 0) AS unmatched, count(*) AS positions,
           coalesce(sum(capital_days + cost * extract(epoch FROM greatest(least(%(now)s, %(until)s) - updated_at, INTERVAL '0'))::numeric / 86400), 0)
               AS capital_days
    FROM open_positions WHERE opened_at < %(until)s
),
seen AS (
    SELECT count(*) AS opportunities, count(*) FILTER (WHERE taken) AS taken, coalesce(sum(best_edge), 0) AS edge,
           coalesce(sum(best_edge) FILTER (WHERE taken), 0) AS edge_taken, coalesce(sum(capacity), 0) AS capacity,
           coalesce(sum(taken_shares), 0) AS taken_shares, coalesce(sum(cost), 0) AS capital
    FROM opportunities WHERE first_seen_at >= %(since)s AND first_seen_at < %(until)s
)
SELECT sold.won + settled.won AS realised, settled.won AS realised_settled, settled.positions AS positions_settled,
       settled.capital_days + held.capital_days AS capital_days,
       round(365 * (sold.won + settled.won) / nullif(settled.capital_days + held.capital_days, 0), 6) AS return_a_year,
       held.cost AS bound, held.positions AS positions_open, held.unmatched AS shares_unmatched, seen.*
FROM sold, settled, held, seen
