-- What was called for help about, the newest first.
SELECT rule, subject, severity, since_at, fired_at, ended_at, value, words, messages, last_sent_at
FROM alerts
ORDER BY since_at DESC, rule, subject
LIMIT :limit
