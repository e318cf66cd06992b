-- Whether the engine has acted on what was asked.
SELECT taken_at IS NOT NULL AS taken FROM paper_asks WHERE ask_id = :number
