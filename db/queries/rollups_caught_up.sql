SELECT 'bars' AS subject, caught_up_at FROM rolled_bars
