"""Backups: pg_dump's own format in files of their own, each beside a record of what a restored copy must hold.

BackupError     what was asked for cannot be done; the sentence says why and what would help
"""


class BackupError(Exception):
    """A backup that cannot be made, opened or restored."""
