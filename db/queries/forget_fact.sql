DELETE FROM system_metadata WHERE key = :key
