-- One row a minute and venue; a second check in the same instant changes nothing.
INSERT INTO platform_health_logs (checked_at, venue, healthy, reasons, figures)
VALUES (now(), :venue, :healthy, CAST(:reasons AS jsonb), CAST(:figures AS jsonb))
ON CONFLICT DO NOTHING
