"""Every table as data: `metadata` knows them all; each file below holds one topic with units and meaning."""

from sqlalchemy import MetaData

metadata = MetaData()

from db.tables import coverage, farm, instruments, market  # noqa: E402, F401  (they register themselves in metadata)
