INSERT INTO collector_status (stream, state, instruments, rows_per_second, backlog_entries, checked_at)
VALUES (:stream, :state, :instruments, :rows_per_second, :backlog_entries, now())
ON CONFLICT (stream) DO UPDATE SET state = excluded.state, instruments = excluded.instruments,
    rows_per_second = excluded.rows_per_second, backlog_entries = excluded.backlog_entries, checked_at = excluded.checked_at
