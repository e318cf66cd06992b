-- One row a minute; a second check in the same instant changes nothing.
INSERT INTO platform_health_logs (checked_at, healthy, reasons, figures)
VALUES (now(), :healthy, CAST(:reasons AS jsonb), CAST(:figures AS jsonb))
ON CONFLICT DO NOTHING
