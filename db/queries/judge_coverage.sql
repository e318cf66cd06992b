-- What each hour of judged_hours can be called, for one channel; {table} holds what it brings. Times are sets (multiranges), so that the
-- parts neither overlap nor leave a hole: what was asked for or read again is paused, broken or whole, and what is whole is proven by the
-- channel, by a history that was read, or by nothing.
--
-- A shard's gap concerns who was asked for on that shard, for as long as no other shard could hear the same; an instrument's own gap always.
-- A gap of an instrument that ended with its first row leaves a time of which nothing is known, unless ids go on where they were.
INSERT INTO coverage (venue, channel, instrument_id, hour, state, verified, witnessed, unverifiable, broken, paused, newest_at, computed_at)
WITH hours AS MATERIALIZED (
    SELECT instrument_id, hour, tstzrange(hour, hour + INTERVAL '1 hour') AS span FROM judged_hours
), gaps AS MATERIALIZED (
    SELECT shard, instrument_id, tstzrange(since, CASE WHEN state = 'open' THEN 'infinity' ELSE
               -- Ids may be missing between two rows of one instant.
               greatest(coalesce(event_to, received_to), since + INTERVAL '1 microsecond') END) AS span,
           CASE WHEN state = 'planned' THEN 'paused'
                WHEN state = 'filled' AND (cause NOT IN ('silent', 'not subscribed') OR jsonb_path_exists(evidence, '$[*].backfill')) THEN 'read'
                -- A number that follows one from before the silence leaves none out.
                WHEN state = 'filled' AND %(follows)s AND EXISTS (
                    SELECT FROM {table} t WHERE t.instrument_id = g.instrument_id AND t.event_at < since
                    AND t.event_at > coalesce(event_to, received_to) - %(lookback_hours)s * INTERVAL '1 hour') THEN 'proven'
                WHEN state = 'filled' OR (cause = 'silent' AND %(may_be_silent)s) THEN 'silent'
                ELSE 'lost' END AS part
    FROM data_gaps g, LATERAL (SELECT coalesce(event_from, received_from, event_to, received_to, found_at) AS since) s
    WHERE venue = %(venue)s AND channel = %(channel)s AND since < %(until)s
      AND (state = 'open' OR coalesce(event_to, received_to) >= %(since)s OR since >= %(since)s)
), spans AS (
    SELECT DISTINCT hour, span FROM hours
), deaf AS MATERIALIZED (
    SELECT s.hour, g.shard, range_agg(g.span) FILTER (WHERE part = 'lost') AS lost, range_agg(g.span) FILTER (WHERE part = 'paused') AS paused,
           range_agg(g.span) FILTER (WHERE part = 'read') AS read
    FROM spans s JOIN gaps g ON g.instrument_id IS NULL AND g.span && s.span GROUP BY s.hour, g.shard
), own AS MATERIALIZED (
    SELECT h.instrument_id, h.hour, range_agg(g.span) FILTER (WHERE part = 'lost') AS lost, range_agg(g.span) FILTER (WHERE part = 'paused') AS paused,
           range_agg(g.span) FILTER (WHERE part = 'read') AS read, range_agg(g.span) FILTER (WHERE part = 'silent') AS silent
    FROM hours h JOIN gaps g ON g.instrument_id = h.instrument_id AND g.span && h.span GROUP BY h.instrument_id, h.hour
), history AS MATERIALIZED (
    SELECT h.instrument_id, h.hour, range_agg(tstzrange(b.from_at, greatest(b.from_at, b.to_at)) * h.span) AS covered
    FROM backfills b JOIN instruments i ON i.venue = b.venue AND i.symbol = ANY(b.instruments)
    JOIN hours h ON h.instrument_id = i.instrument_id AND h.span && tstzrange(b.from_at, greatest(b.from_at, b.to_at))
    WHERE b.venue = %(venue)s AND b.channel = %(channel)s AND b.state = 'done' AND b.first_number IS NULL
      AND b.from_at < %(until)s AND b.to_at > %(since)s
    GROUP BY h.instrument_id, h.hour
), asked AS (
    SELECT h.instrument_id, h.hour, s.shard,
           range_agg(h.span * tstzrange(s.from_at, least(s.to_at, j.judged_until))) AS times,
           range_agg(h.span * tstzrange(s.from_at, least(s.to_at, j.judged_until)) * tstzrange(coalesce(j.proven_at, 'infinity'), NULL)) AS proven
    FROM hours h
    JOIN subscriptions s ON s.venue = %(venue)s AND s.channel = %(channel)s AND s.instrument_id = h.instrument_id
    JOIN judged_streams j USING (stream)
    WHERE s.from_at < least(s.to_at, j.judged_until, upper(h.span)) AND least(s.to_at, j.judged_until) > h.hour
    GROUP BY h.instrument_id, h.hour, s.shard
), joined AS (
    SELECT a.instrument_id, a.hour, range_agg(a.times) AS asked,
           range_agg(a.proven - p.lost - p.paused - p.read) AS heard,
           range_agg(a.times * p.read - p.lost - p.paused) AS read,
           range_agg(a.times * p.lost) AS lost, range_agg(a.times * p.paused) AS paused, range_agg(a.times - a.proven) AS unproven
    FROM asked a LEFT JOIN deaf d USING (hour, shard), LATERAL (
        SELECT coalesce(d.lost, '{}') AS lost, coalesce(d.paused, '{}') AS paused, coalesce(d.read, '{}') AS read) p
    GROUP BY a.instrument_id, a.hour
), known AS (
    SELECT h.instrument_id, h.hour, coalesce(a.asked, '{}') AS asked, coalesce(a.heard, '{}') AS heard, coalesce(a.read, '{}') AS read,
           coalesce(a.lost, '{}') AS lost, coalesce(a.paused, '{}') AS paused, coalesce(a.unproven, '{}') AS unproven,
           coalesce(o.lost, '{}') AS own_lost, coalesce(o.paused, '{}') AS own_paused, coalesce(o.read, '{}') AS own_read,
           coalesce(o.silent, '{}') AS own_silent, coalesce(c.covered, '{}') AS covered
    FROM hours h LEFT JOIN joined a USING (instrument_id, hour) LEFT JOIN own o USING (instrument_id, hour)
    LEFT JOIN history c USING (instrument_id, hour)
    WHERE a.asked IS NOT NULL OR c.covered IS NOT NULL
), parted AS (
    SELECT instrument_id, hour, pause.paused, loss.broken, doubt.unproven, by_history.read,
           asked + covered - pause.paused - loss.broken - doubt.unproven - by_history.read AS whole
    FROM known k,
    LATERAL (SELECT (k.paused - heard - k.read + own_paused * asked) - covered AS paused OFFSET 0) pause,
    LATERAL (SELECT (k.lost - heard - k.read + own_lost * asked) - pause.paused - covered AS broken OFFSET 0) loss,
    LATERAL (SELECT (k.unproven - heard - k.read + own_silent * asked) - pause.paused - loss.broken - own_read - covered AS unproven OFFSET 0) doubt,
    LATERAL (SELECT (k.read - heard + own_read * asked + (covered - (heard - own_lost)))
                    - pause.paused - loss.broken - doubt.unproven AS read OFFSET 0) by_history
), looks AS (
    SELECT instrument_id, hour, bool_or(agreed > 0) AS agreed, bool_or(disagreed_at > coalesce(agreed_at, '-infinity')) AS denied
    FROM witnesses w JOIN hours h USING (instrument_id, hour)
    WHERE w.venue = %(venue)s AND w.channel = %(channel)s AND w.hour >= %(since)s AND w.hour < %(until)s GROUP BY instrument_id, hour
), told AS (
    SELECT instrument_id, hour, seconds_of(paused) AS paused, seconds_of(broken) AS broken, seconds_of(unproven) AS unproven, seconds_of(read) AS read,
           seconds_of(whole) AS whole, NOT isempty(broken) AS lacks,
           -- What an independent source contradicted last is proven by nothing; what it agreed to is more than unverifiable.
           CASE WHEN denied THEN 'unverifiable' WHEN agreed AND %(proof)s = 'unverifiable' THEN 'witnessed' ELSE %(proof)s END AS proof
    FROM parted LEFT JOIN looks USING (instrument_id, hour)
), named AS (
    SELECT instrument_id, hour, paused, broken, lacks,
           whole * (proof = 'verified')::int + read * (%(history)s = 'verified')::int AS verified,
           whole * (proof = 'witnessed')::int + read * (%(history)s = 'witnessed')::int AS witnessed,
           whole * (proof = 'unverifiable')::int + unproven AS unverifiable,
           -- Of a very short time a part counts that is a good part of it.
           least(1, (paused + broken + unproven + read + whole) / 5) AS least_seconds
    FROM told
)
SELECT %(venue)s, %(channel)s, instrument_id, hour,
       CASE WHEN lacks THEN 'broken' WHEN unverifiable >= least_seconds THEN 'unverifiable' WHEN witnessed >= least_seconds THEN 'witnessed'
            WHEN paused >= least_seconds THEN 'planned pause' ELSE 'verified' END,
       verified, witnessed, unverifiable, broken, paused, r.event_at, now()
FROM named n LEFT JOIN LATERAL (
    SELECT event_at FROM {table} t
    WHERE t.instrument_id = n.instrument_id AND t.event_at >= n.hour AND t.event_at < n.hour + INTERVAL '1 hour'
      AND t.event_at >= %(since)s AND t.event_at < %(until)s
    ORDER BY event_at DESC LIMIT 1
) r ON true
