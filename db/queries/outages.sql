-- What single replicas missed, the newest first.
SELECT outage_id, venue, channel, shard, replica, cause, first_missing, last_missing, event_from, event_to, received_from, received_to,
       frames, detail
FROM outages
ORDER BY outage_id DESC
LIMIT :most
