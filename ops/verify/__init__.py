"""The sandbox's ledger against the database: every event that an open socket was given, by identity and by value."""
