INSERT INTO system_metadata (key, value, updated_at) VALUES (:key, CAST(:value AS jsonb), now())
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
