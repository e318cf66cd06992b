"""How data are kept: room on disks, what is dropped and held back, and backups."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from db.backups import facts
from ops.console.farm import Asked

router = APIRouter(prefix="/api", tags=["keeping"])


class KeptTable(BaseModel):
    table: str
    chunk: timedelta | None
    compress_after: timedelta | None
    drop_after: timedelta | None
    chunks: int
    compressed_chunks: int
    bytes: int
    rows: int | None = Field(description="null while nobody has counted")
    raw_bytes: int
    raw_bytes_per_row: float | None
    compressed_bytes: int
    compressed_bytes_per_row: float | None
    ratio: float | None
    oldest: datetime | None
    newest: datetime | None
    bytes_per_day: int | None


class Held(BaseModel):
    table_name: str
    chunks: int
    since: datetime
    guard: str | None = Field(description="who has to say first that it is not needed any more")
    checked_at: datetime | None
    safe_until: datetime | None


class ForecastDisk(BaseModel):
    path: str
    bytes: int
    free_bytes: int
    measured_at: datetime
    seen: timedelta = Field(description="the time of growth that the forecast is made of")
    bytes_per_day: int | None = Field(description="null while an hour of growth has not been seen")
    full_at: datetime | None = Field(description="null: not within ten years, or not known yet")


class Storage(BaseModel):
    looked_at: datetime
    edition: str
    note: str | None
    tables: list[KeptTable]
    pending: list[str] = Field(description="what farm.toml says and is not in force yet")
    held: list[Held]
    disks: list[ForecastDisk]


class Kept(BaseModel):
    at: datetime = Field(description="when the newest good one was taken or proven; with no file, since when it is awaited")
    file: str | None
    bytes: int
    tried: datetime | None
    trouble: str = Field(description="why the last try failed, or empty")


class Backups(BaseModel):
    backups: dict[str, Kept] = Field(description="hourly, daily, proof (a restore that held), copy (elsewhere)")


@router.get("/storage")
def storage(farm: Asked) -> Storage:
    """As `./farm storage --json`; the farm measures every ten minutes. Lengths of time are ISO 8601."""
    seen = farm.storage.get()
    return Storage(**seen.value, looked_at=datetime.fromtimestamp(seen.at, UTC))


@router.get("/backups")
def backups(farm: Asked) -> Backups:
    """The newest good ones, and what failed."""
    found = {}
    for subject, state in facts.states(farm.knobs).items():
        tried = None if state.tried is None else datetime.fromtimestamp(state.tried, UTC)
        at = datetime.fromtimestamp(state.at, UTC)
        found[subject] = Kept(at=at, file=state.file, bytes=state.bytes, tried=tried, trouble=state.trouble)
    return Backups(backups=found)
