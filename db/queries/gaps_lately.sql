-- Gaps found in the last hour, by channel, without those that the venue planned and instruments that have not spoken yet.
-- Of the newest ten thousand only: that is more than anybody has to be told, and the index finds them.
SELECT venue, channel, count(*) AS gaps, (array_agg(cause || coalesce(': ' || detail, '') ORDER BY gap_id DESC))[1] AS newest
FROM (SELECT * FROM data_gaps ORDER BY gap_id DESC LIMIT 10000) AS lately
WHERE found_at > now() - INTERVAL '1 hour' AND cause NOT IN ('silent', 'planned pause') AND state <> 'planned'
GROUP BY venue, channel
