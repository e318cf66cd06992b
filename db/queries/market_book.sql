-- The newest word on each price of a book: of its last whole state within a day, and of the changes since, at most :most of them. Where there are
-- more, prices that they do not name are not known and left out: `partial`. At most :levels of a side, the best first.
WITH whole AS (
    SELECT event_at, update_id FROM book_snapshots
    WHERE instrument_id = :instrument AND event_at > now() - INTERVAL '1 day' AND event_at < now() + INTERVAL '1 hour'
    ORDER BY event_at DESC, update_id DESC LIMIT 1
),
changes AS (
    SELECT d.side, d.price, d.quantity, d.event_at, d.update_id, d.received_at
    FROM book_deltas d
    WHERE d.instrument_id = :instrument AND d.event_at < now() + INTERVAL '1 hour'
      AND d.event_at >= coalesce((SELECT event_at FROM whole), now() - INTERVAL '1 hour')
      AND (d.event_at, d.update_id) > (SELECT event_at, update_id FROM (SELECT * FROM whole UNION ALL SELECT '-infinity', 0) w LIMIT 1)
    ORDER BY d.event_at DESC, d.update_id DESC LIMIT :most
),
counted AS (SELECT count(*) >= :most OR NOT EXISTS (SELECT FROM whole) AS partial FROM changes),
words AS (
    SELECT side, price, quantity, event_at, update_id, received_at FROM changes
    UNION ALL
    SELECT s.side, s.price, s.quantity, s.event_at, s.update_id, s.received_at
    FROM book_snapshots s JOIN whole USING (event_at, update_id)
    WHERE s.instrument_id = :instrument AND NOT (SELECT partial FROM counted)
),
newest AS (SELECT max(event_at) AS event_at, max(received_at) AS received_at FROM words),
levels AS (
    SELECT DISTINCT ON (side, price) side, price, quantity FROM words ORDER BY side, price, event_at DESC, update_id DESC
),
ranked AS (
    SELECT side, price, quantity, row_number() OVER (PARTITION BY side ORDER BY side * price DESC) AS place FROM levels WHERE quantity > 0
)
SELECT r.side, r.price, r.quantity, n.event_at, n.received_at, c.partial
FROM ranked r, newest n, counted c
WHERE r.place <= :levels
ORDER BY r.side DESC, r.place
