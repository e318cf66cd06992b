INSERT INTO system_metadata (key, value, updated_at) VALUES ('backup:' || :subject, CAST(:value AS jsonb), now())
ON CONFLICT (key) DO UPDATE SET value = system_metadata.value || excluded.value, updated_at = excluded.updated_at
