"""Every table as data: `metadata` knows them all; each file below holds one topic with units and meaning."""

from sqlalchemy import MetaData

metadata = MetaData()

from db.tables import archive, bars, coverage, farm, instruments, market, matching, paper, storage  # noqa: E402, F401  (they register themselves)
