"""Sockets to journal: stamps frames, batches them, appends them. Knows the venue contract, no venue, and never reads prices."""
