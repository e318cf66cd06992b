-- What has not changed is not written again: `updated_at` is since when it is so.
INSERT INTO system_metadata AS known (key, value, updated_at) VALUES (:key, CAST(:value AS jsonb), now())
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at WHERE known.value <> excluded.value
