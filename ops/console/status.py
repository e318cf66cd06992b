"""How the farm is, in parts: as `./farm status` judges it, its programs, its streams."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ops.console.farm import Asked
from ops.console.health import Component

router = APIRouter(prefix="/api", tags=["status"])


class Lag(BaseModel):
    p50: float | None
    p99: float | None


class Stream(BaseModel):
    name: str
    venue: str
    channel: str
    shard: str
    replica: str
    state: str = Field(description="live, silent, down")
    instruments: int
    rows_per_s: float
    last_data_age_s: float | None
    backlog_entries: int
    waited_s: float
    lag_ms: Lag


class Status(BaseModel):
    healthy: bool
    reasons: list[str]
    notices: list[str]
    looked_at: datetime
    components: list[Component]
    streams: list[Stream]
    gaps_open: int
    quarantined: int


class Disk(BaseModel):
    path: str
    used: float = Field(description="0 to 1")
    used_bytes: int
    free_bytes: int


class Program(Component):
    memory_bytes: int | None = Field(description="of all its processes; null where no supervisor tells")
    restarts_hour: int | None
    trouble: str | None = Field(description="what the watchdog did last")


class Components(BaseModel):
    looked_at: datetime
    components: list[Program]
    disks: list[Disk]
    canaries: dict[str, float] = Field(description="queue: seconds since a task of it was carried out")


class Streams(BaseModel):
    looked_at: datetime
    streams: list[Stream]


@router.get("/status")
def status(farm: Asked) -> Status:
    """As `./farm status --json`, with what does not make it unwell beside its reasons."""
    seen = farm.health.get().value
    surveyed = seen["surveyed"]
    return Status(
        healthy=seen["state"] == "healthy",
        **{name: seen[name] for name in ("reasons", "notices", "looked_at", "components", "quarantined")},
        streams=surveyed.get("streams", []),
        gaps_open=surveyed.get("gaps_open", 0),
    )


@router.get("/components")
def components(farm: Asked) -> Components:
    """Programs with their memory and restarts, disks, and when each queue was consumed last."""
    seen = farm.health.get().value
    surveyed = seen["surveyed"]
    known = surveyed.get("programs", {})
    programs = [row | _known(known.get(row["name"], {})) for row in seen["components"]]
    return Components(
        looked_at=seen["looked_at"],
        components=[Program(**row) for row in programs],
        disks=surveyed.get("disks", []),
        canaries=surveyed.get("canaries", {}),
    )


def _known(fact: dict[str, Any]) -> dict[str, Any]:
    trouble = fact.get("trouble") or {}
    return {"memory_bytes": fact.get("memory_bytes"), "restarts_hour": fact.get("restarts_hour"), "trouble": trouble.get("what")}


@router.get("/streams")
def streams(farm: Asked) -> Streams:
    """Every stream of the journal that sockets fill."""
    seen = farm.health.get().value
    return Streams(looked_at=seen["looked_at"], streams=seen["surveyed"].get("streams", []))
