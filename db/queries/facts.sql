SELECT key, value, updated_at FROM system_metadata WHERE key LIKE :prefix || '%' ORDER BY key
