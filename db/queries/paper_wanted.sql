-- Whether there is anything to trade, or anything left of what was: held until a result settles it, or under way.
SELECT EXISTS (SELECT FROM contract_matches WHERE state = 'confirmed') OR EXISTS (SELECT FROM open_positions)
    OR EXISTS (SELECT FROM paper_state WHERE key LIKE 'orders %' OR key LIKE 'opportunities %') AS wanted
