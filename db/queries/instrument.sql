-- One instrument, with the question that it is an answer to, and whether its book is doubted now.
SELECT i.instrument_id, i.venue, i.symbol, i.status, i.contract_type, i.base_asset, i.quote_asset, i.price_unit, i.amount_unit, i.tick_size,
       i.lot_size, i.listed_at, i.expires_at, m.title,
       EXISTS (SELECT FROM data_gaps g WHERE g.venue = i.venue AND g.state = 'open' AND g.instrument_id = i.instrument_id AND g.cause = 'book')
           AS doubted
FROM instruments i
LEFT JOIN LATERAL (
    SELECT k.title || ' · ' || (o->>1) AS title FROM markets k CROSS JOIN LATERAL jsonb_array_elements(k.outcomes) o
    WHERE k.venue = i.venue AND o->>0 = i.symbol LIMIT 1
) m ON true
WHERE i.instrument_id = :instrument
