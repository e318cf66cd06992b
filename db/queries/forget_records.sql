-- The oldest rows of {table} of which {at} is longer ago than they are kept, so many at most: a run is short, and the next one goes on.
DELETE FROM {table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM {table} WHERE {at} < now() - make_interval(secs => :seconds) ORDER BY {at} LIMIT :most
))
