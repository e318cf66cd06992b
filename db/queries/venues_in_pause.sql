-- Venues that do not trade now, as they have said.
SELECT DISTINCT venue FROM planned_pauses WHERE since_at <= now() AND (until_at IS NULL OR until_at > now())
