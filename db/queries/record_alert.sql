-- One row an alert, written again while it lasts.
INSERT INTO alerts (rule, subject, since_at, severity, fired_at, ended_at, value, words, messages, last_sent_at)
VALUES (:rule, :subject, to_timestamp(:since), :severity, to_timestamp(:fired), to_timestamp(:ended), :value, :words, :sent, to_timestamp(:last_sent))
ON CONFLICT (rule, subject, since_at) DO UPDATE SET
    severity = excluded.severity, fired_at = excluded.fired_at, ended_at = excluded.ended_at, value = excluded.value,
    words = excluded.words, messages = excluded.messages, last_sent_at = excluded.last_sent_at
